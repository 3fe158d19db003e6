-- The headers of a segment's two files have rotted. What else is in them still says whose they are: an
-- identity, or a record. A segment of which nothing is left says nothing, and may hold nothing that the
-- snapshot does not.
local HEADER, IDENTITY = 32, 56   -- bytes

-- The log's segments in their order: the names of the two files of each, which may be missing.
local function segments(node)
  local found = {}
  for _, name in ipairs(node.disk:files()) do
    local part, first = name:match("^(%a+)%-(%x+)")
    if part == "log" or part == "ids" then
      found[first] = found[first] or { first = first }
      found[first][part] = name
    end
  end
  local list = {}
  for _, segment in pairs(found) do list[#list + 1] = segment end
  table.sort(list, function(a, b) return a.first < b.first end)
  return list
end

local function damaging(left)
  return function()
    local c = cluster{ nodes = 3, batch_entries = 1, segment_bytes = 300, snapshot_every = 0,
                       snapshot_trailing = 0, quarantine = true }
    local leader, client = c:wait_leader(), c:client()
    local hurt = c:others(leader)[1]
    local function put(first, last)
      for i = first, last do expect.ok(client:put("k" .. i, i)) end
    end
    put(1, 9)
    expect.converged{ within_ms = 2000 }
    if left == "nothing" then
      hurt:snapshot()
      sleep_ms(50)
    else
      put(10, 14)
      expect.converged{ within_ms = 2000 }
    end
    -- Entries of which nothing is left must be in the snapshot: else nobody knew that they are missing.
    local is_covered = hurt.up and hurt.snapshot_index == hurt.last_index
    local last = hurt.up and hurt.last_index or 0
    hurt:crash()
    local list = segments(hurt)
    local segment = list[left == "nothing" and #list or 2]
    if segment and segment.log and segment.ids and (is_covered or left ~= "nothing") then
      if left == "identities" then
        hurt.disk:bitrot{ file = segment.log, offset = 9 }
        hurt.disk:bitrot{ file = segment.ids, offset = 9 }
      elseif left == "records" then
        hurt.disk:bitrot{ file = segment.log, offset = 9 }
        hurt.disk:remove(segment.ids)
      else
        hurt.disk:remove(segment.log)
        hurt.disk:bitrot{ file = segment.ids, offset = 9 }
        for i = 0, last - tonumber(segment.first, 16) do
          hurt.disk:bitrot{ file = segment.ids, offset = HEADER + i * IDENTITY + 9 }
        end
      end
    end
    hurt:restart()
    put(left == "nothing" and 10 or 15, 18)
    for i = 1, 18 do expect.eq(client:get("k" .. i), i) end
    expect.eventually("it is well again", { within_ms = 2000 }, function()
      return hurt.condition == "running" and hurt.applied_index >= c:committed()
    end)
  end
end

for left, doc in pairs{
  identities = "The headers of both files have rotted: the identities say which segment it is.",
  records    = "One header has rotted and the other file is gone: the records say which segment it is.",
  nothing    = "Nothing is left of the segment in which the snapshot ends: the log begins behind the snapshot.",
} do
  scenario{
    name  = "headers_rot_" .. left .. "_left",
    doc   = doc,
    tags  = {"disk", "recovery", "damage"},
    seeds = 3,
    run   = damaging(left),
  }
end
