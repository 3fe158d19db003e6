-- Bits of acknowledged entries rot on the disks of nodes that are down. A node that starts with such
-- a disk knows which entry it has lost, so it votes by the log that it had, does not lead, and gets
-- the entry from a node that has it: also without a leader, when the intact copies of two entries
-- are on two nodes of which neither may lead (FAST'18, protocol-aware recovery).
scenario{
  name   = "damaged_entry_is_repaired_from_a_peer",
  doc    = "Committed entries rot on their disks: every one that some node still has is repaired.",
  tags   = {"disk", "recovery", "damage"},
  seeds  = 5,
  params = { where = {"older_segment", "what rots, and who else is down",
                      oneof = {"older_segment", "follower", "leader", "one_of_two", "two_of_two", "compacted"}} },
  sweep  = { where = {"older_segment", "follower", "leader", "one_of_two", "two_of_two", "compacted"} },

  run = function(p)
    local segment_bytes = p.where == "older_segment" and 512 or 65536
    local c = cluster{ nodes = 3, batch_entries = 1, snapshot_trailing = 0, segment_bytes = segment_bytes }
    local leader, client = c:wait_leader(), c:client()
    for i = 1, 12 do expect.ok(client:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local others = c:others(leader)

    -- A byte of the log's first segment: the first record is at 24, with a head of 48. The last record
    -- of a log could be a write that was torn, so that only a longer log is damaged.
    local records = {}
    for _, node in ipairs(c:nodes()) do records[node.id] = node.up and node.durable_index or 0 end
    local function rot(node, offset)
      if records[node.id] < 6 then return end
      for _, name in ipairs(node.disk:files()) do
        if name:find("^log") then
          node.disk:bitrot{ file = name, offset = offset }
          return
        end
      end
    end

    if p.where == "two_of_two" then
      for _, node in ipairs(c:nodes()) do node:crash() end
      rot(others[1], 125)
      rot(others[2], 229)
      others[1]:restart()
      others[2]:restart()
      -- The two need nobody else; only a fault that is injected can make them wait for the third.
      spawn(function()
        sleep_ms(3000)
        if not leader.up then leader:restart() end
      end)
    else
      local hurt = p.where == "leader" and leader or others[1]
      hurt:crash()
      rot(hurt, 125)
      if p.where == "one_of_two" then others[2]:crash() end
      if p.where == "compacted" then
        leader:snapshot()
        others[2]:snapshot()
        expect.ok(client:put("k1", 1))
      end
      hurt:restart()
    end
    for i = 13, 16 do expect.ok(client:put("k" .. i, i)) end
    for i = 1, 16 do expect.eq(client:get("k" .. i), i) end
    for _, node in ipairs(c:nodes()) do
      if not node.up then node:restart() end
    end
    expect.converged{ within_ms = 5000 }
    for _, node in ipairs(c:nodes()) do expect.eq(node.condition, "running") end
  end,
}
