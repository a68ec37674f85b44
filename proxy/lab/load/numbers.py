"""Fictional numbers to call from and to: 555-01XX of real area codes, which are kept free for fiction.

So many that within a few seconds nobody calls twice, or a check of how often somebody calls would wake.
"""

from __future__ import annotations

AREAS = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234 239 "
    "240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309 310 312 "
    "313 314 315 316 317 318 319 320 321 323 325 330 334 336 337 339 347 351 352 360 361 386 401 402 "
    "404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 443 469 478 "
    "479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 "
    "561 562 563 567 570 571 573 574 580 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 "
).split()
NUMBERS = len(AREAS) * 100
STRIDE = 3_701
"""Callers and callees go round in different steps, and nobody calls himself."""


def number(index: int) -> bytes:
    """The fictional number of that index, digits with the country code; the same after NUMBERS of them."""
    return b"1%s55501%02d" % (AREAS[index // 100 % len(AREAS)].encode(), index % 100)


def pair(index: int) -> tuple[bytes, bytes]:
    """Caller and callee of that call."""
    return number(index), number(index + STRIDE)
