"""Several processes on one address: who owns which transaction, what they share, and who starts them.

`steering` says which worker a datagram belongs to, in the kernel and in Python; `shared` is the memory that all of
them count in; `links` carries what one process has for another; `seat` is one worker's place at the table.
`pulse` tells who hangs.
`proxy.desk` is the process that writes the journal, fetches certificates and answers the operator; `proxy.supervisor`
starts them all and starts anew whoever dies or hangs.
"""
