-- A follower has lost entries and does not know which: both copies of an identity have rotted, or a
-- segment and the file of its identities are gone. What lies behind them goes too; the node then grants
-- no vote before its log reaches as far as that of a leader whom it has asked.

-- The log of a cluster whose first leader is also its only one: entry 1 is the leader's own, without a
-- payload, and each command of one digit has a record of 72 bytes.
local RECORDS, RECORD, IDENTITY = 32 + 48, 72, 56

local function file(node, prefix, nth)
  local found = {}
  for _, name in ipairs(node.disk:files()) do
    if name:find("^" .. prefix .. "%-") then found[#found + 1] = name end
  end
  return found[nth]
end

-- Entry 4, or the second of three segments, of a log that goes on behind it.
local function lose_entries(node, how)
  node:crash()
  if node.disk:files()[1] == nil or not file(node, "log", 1) then return end
  if how == "identity" then
    node.disk:bitrot{ file = file(node, "log", 1), offset = RECORDS + 2 * RECORD + 20 }
    node.disk:bitrot{ file = file(node, "ids", 1), offset = 32 + 3 * IDENTITY + 20 }
  else
    node.disk:remove(file(node, "log", 2))
    node.disk:remove(file(node, "ids", 2))
  end
end

local function options(how)
  return { nodes = 3, batch_entries = 1, segment_bytes = how == "segment" and 300 or nil }
end

scenario{
  name   = "lost_entries_come_back",
  doc    = "A follower that has lost entries gets them from the leader, and votes and leads again.",
  tags   = {"disk", "recovery", "damage", "election"},
  seeds  = 5,
  params = { how = {"identity", "what is damaged", oneof = {"identity", "segment"}} },
  sweep  = { how = {"identity", "segment"} },

  run = function(p)
    local c = cluster(options(p.how))
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 9 do expect.ok(cl:put("k", i)) end
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(leader))
    lose_entries(hurt, p.how)
    hurt:restart()
    expect.eq(hurt.condition, "recovering")
    expect.ok(hurt.last_index <= 4, "what lies behind the hole is gone too")
    expect.eventually("it has all of them again", { within_ms = 1000 }, function()
      return hurt.condition == "running" and hurt.durable_index == leader.durable_index
    end)
    other:crash()
    expect.ok(cl:put("k", 10))
    leader:crash()
    other:restart()
    c:wait_leader()
    expect.eq(cl:get("k"), 10)
    leader:restart()
    expect.converged{ within_ms = 3000 }
  end,
}

scenario{
  name   = "no_vote_before_lost_entries_are_back",
  doc    = "One of the two nodes that have what is committed loses it: the third one is not elected by it.",
  tags   = {"disk", "recovery", "damage", "election"},
  seeds  = 5,
  params = { how = {"identity", "what is damaged", oneof = {"identity", "segment"}} },
  sweep  = { how = {"identity", "segment"} },

  run = function(p)
    local c = cluster(options(p.how))
    local leader = c:wait_leader()
    expect.converged{ within_ms = 2000 }
    local hurt, behind = table.unpack(c:others(leader))
    behind:crash()
    local cl = c:client()
    for i = 1, 9 do expect.ok(cl:put("k", i)) end
    expect.eventually("the follower has it", { within_ms = 1000 }, function()
      return hurt.durable_index == leader.durable_index
    end)
    leader:crash()
    lose_entries(hurt, p.how)
    hurt:restart()
    behind:restart()
    sleep_ms(1500)
    expect.eq(#c:leaders(), 0, "leaders without what is committed")
    leader:restart()
    c:wait_leader()
    expect.eq(cl:get("k"), 9)
    expect.converged{ within_ms = 3000 }
    for _, node in ipairs(c:nodes()) do expect.eq(node.condition, "running") end
  end,
}

scenario{
  name  = "lost_entries_and_a_new_leader",
  doc   = "The leader whom a node with losses has asked is gone before it has caught up: it asks the next one.",
  tags  = {"disk", "recovery", "damage", "election"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 5, batch_entries = 1 }
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 9 do expect.ok(cl:put("k", i)) end
    expect.converged{ within_ms = 2000 }
    local hurt = c:others(leader)[1]
    lose_entries(hurt, "identity")
    local held = c:hold{ from = leader, to = hurt, type = "repair_rep" }
    hurt:restart()
    expect.eventually("it was answered", { within_ms = 500, poll_ms = 1 }, function() return held.hits > 0 end)
    leader:crash()
    local next_one = c:wait_leader{ other_than = leader }
    held:release() -- the word of a leader of an earlier term
    expect.ok(cl:put("k", 10))
    expect.eventually("it has caught up", { within_ms = 1000 }, function()
      return hurt.condition == "running" and hurt.durable_index == next_one.durable_index
    end)
    leader:restart()
    expect.converged{ within_ms = 3000 }
  end,
}
