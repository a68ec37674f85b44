-- HEPv3 for Wireshark and tshark, whose releases have no dissector for it: each chunk in a line, the SIP message handed on to
-- the dissector that knows it, and ringwarden's own chunk (vendor 0x5257, type 1: the verdict, JSON).
--
--   tshark -i eth0 -f "udp port 9060" -X lua_script:hep3.lua -V
--   wireshark: copy it into the personal Lua plugins folder (Help > About > Folders)

local hep = Proto("hep3", "HEP version 3")
local RINGWARDEN, VERDICT = 0x5257, 1

local f = {
  length = ProtoField.uint16("hep3.length", "Length"),
  vendor = ProtoField.uint16("hep3.vendor", "Vendor", base.HEX),
  kind = ProtoField.uint16("hep3.type", "Type"),
  family = ProtoField.uint8("hep3.family", "IP family"),
  protocol = ProtoField.uint8("hep3.protocol", "IP protocol"),
  src = ProtoField.ipv4("hep3.src", "Source"),
  dst = ProtoField.ipv4("hep3.dst", "Destination"),
  src6 = ProtoField.ipv6("hep3.src6", "Source"),
  dst6 = ProtoField.ipv6("hep3.dst6", "Destination"),
  srcport = ProtoField.uint16("hep3.srcport", "Source port"),
  dstport = ProtoField.uint16("hep3.dstport", "Destination port"),
  seconds = ProtoField.uint32("hep3.seconds", "Seconds"),
  micros = ProtoField.uint32("hep3.micros", "Microseconds"),
  payload_kind = ProtoField.uint8("hep3.payload_kind", "Kind of payload", base.DEC, { [1] = "SIP", [100] = "log" }),
  node = ProtoField.uint32("hep3.node", "Capture node"),
  password = ProtoField.string("hep3.password", "Password"),
  payload = ProtoField.bytes("hep3.payload", "Payload"),
  correlation = ProtoField.string("hep3.correlation", "Correlation id"),
  log = ProtoField.string("hep3.log", "Log"),
  verdict = ProtoField.string("hep3.verdict", "Verdict of ringwarden"),
}
local all = {}
for _, field in pairs(f) do all[#all + 1] = field end
hep.fields = all

local GENERIC = {
  [1] = f.family, [2] = f.protocol, [3] = f.src, [4] = f.dst, [5] = f.src6, [6] = f.dst6, [7] = f.srcport, [8] = f.dstport,
  [9] = f.seconds, [10] = f.micros, [11] = f.payload_kind, [12] = f.node, [14] = f.password, [15] = f.payload,
  [17] = f.correlation,
}

function hep.dissector(buffer, pinfo, tree)
  if buffer:len() < 6 or buffer(0, 4):string() ~= "HEP3" then return 0 end
  local whole = buffer(4, 2):uint()
  if whole > buffer:len() then return 0 end
  pinfo.cols.protocol = "HEP3"
  local root = tree:add(hep, buffer(0, whole))
  root:add(f.length, buffer(4, 2))
  local at, kind_of_payload, payload = 6, 0, nil
  while at + 6 <= whole do
    local vendor, kind, length = buffer(at, 2):uint(), buffer(at + 2, 2):uint(), buffer(at + 4, 2):uint()
    if length < 6 or at + length > whole then
      root:add_expert_info(PI_MALFORMED, PI_ERROR, "a chunk that does not fit")
      return whole
    end
    if length > 6 then
      local value = buffer(at + 6, length - 6)
      if vendor == 0 and GENERIC[kind] then
        root:add(GENERIC[kind], value)
        if kind == 11 then kind_of_payload = value:uint() end
        if kind == 15 then payload = value end
      elseif vendor == RINGWARDEN and kind == VERDICT then
        root:add(f.verdict, value)
      else
        local other = root:add(hep, buffer(at, length), string.format("Chunk 0x%04x/%d", vendor, kind))
        other:add(f.vendor, buffer(at, 2))
        other:add(f.kind, buffer(at + 2, 2))
      end
    end
    at = at + length
  end
  if payload and kind_of_payload == 1 then
    Dissector.get("sip"):call(payload:tvb(), pinfo, tree)
  elseif payload then
    root:add(f.log, payload)
  end
  return whole
end

hep:register_heuristic("udp", function(buffer, pinfo, tree)
  if buffer:len() < 6 or buffer(0, 4):string() ~= "HEP3" then return false end
  return hep.dissector(buffer, pinfo, tree) > 0
end)
DissectorTable.get("udp.port"):add(9060, hep)
