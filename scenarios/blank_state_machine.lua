-- The only snapshot of a node has rotted, and the log before it is gone: its log is exact, and its state
-- machine is blank. It votes by its log, takes and acknowledges entries, and is sent a snapshot although
-- its log agrees with the leader's.

local function rot_snapshot(node)
  node:crash()
  for _, name in ipairs(node.disk:files()) do
    if name:find("^snapshot%-") then node.disk:bitrot{ file = name, offset = 170 } end
  end
end

scenario{
  name   = "blank_state_machine_gets_a_snapshot",
  doc    = "A follower without its snapshot gets the leader's, or one that the leader takes for it.",
  tags   = {"disk", "recovery", "damage", "snapshot"},
  seeds  = 5,
  params = { leader = {"has", "whether the leader has a snapshot", oneof = {"has", "takes"}} },
  sweep  = { leader = {"has", "takes"} },

  run = function(p)
    local every = p.leader == "has" and 8 or 0
    local c = cluster{ nodes = 3, snapshot_every = every, snapshot_trailing = 0, segment_bytes = 300,
                       batch_entries = 1 }
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 14 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(leader))
    if p.leader == "takes" then
      hurt:snapshot()
      sleep_ms(50)
      for i = 15, 18 do expect.ok(cl:put("k" .. i, i)) end
      expect.converged{ within_ms = 2000 }
    end
    rot_snapshot(hurt)
    local last = leader.last_index
    hurt:restart()
    expect.eq(hurt.condition, "recovering")
    expect.eq(hurt.applied_index, 0, "what it has applied")
    expect.eq(hurt.last_index, last, "its log is whole")
    expect.eventually("it has a state again", { within_ms = 2000 }, function()
      return hurt.condition == "running" and hurt.applied_index == leader.applied_index
    end)
    other:crash()
    leader:crash()
    other:restart()
    c:wait_leader()
    for i = 1, 14 do expect.eq(cl:get("k" .. i), i) end
    leader:restart()
    expect.converged{ within_ms = 3000 }
  end,
}

scenario{
  name  = "blank_state_machine_votes_and_acknowledges",
  doc   = "A leader is elected, and commits, by the vote and the answers of a node with a blank state machine.",
  tags  = {"disk", "recovery", "damage", "snapshot", "election"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 0, segment_bytes = 300,
                       batch_entries = 1 }
    local old, cl = c:wait_leader(), c:client()
    for i = 1, 14 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(old))
    rot_snapshot(hurt)
    old:crash()
    local held = c:hold{ to = hurt, type = "install_req" }
    hurt:restart()
    expect.eq(c:wait_leader{ other_than = old }.id, other.id, "who leads")
    expect.eventually("it commits", { within_ms = 1000 }, function()
      return c:committed() == other.last_index
    end)
    expect.eventually("a snapshot is on its way", { within_ms = 1000 }, function() return held.hits > 0 end)
    expect.eq(hurt.condition, "recovering")
    held:release()
    expect.ok(cl:put("k15", 15))
    expect.eventually("it has a state again", { within_ms = 2000 }, function()
      return hurt.condition == "running" and hurt.applied_index == other.applied_index
    end)
    for i = 1, 15 do expect.eq(cl:get("k" .. i), i) end
    old:restart()
    expect.converged{ within_ms = 3000 }
  end,
}

scenario{
  name  = "everybody_is_blank",
  doc   = "The snapshots of all nodes have rotted: nobody has the state any more, and nobody says otherwise.",
  tags  = {"disk", "recovery", "damage", "snapshot"},
  seeds = 3,
  finish = "as_is", -- there is no way back

  run = function()
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 0, segment_bytes = 300,
                       batch_entries = 1 }
    c:wait_leader()
    local cl = c:client()
    for i = 1, 14 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    for _, node in ipairs(c:nodes()) do rot_snapshot(node) end
    for _, node in ipairs(c:nodes()) do node:restart() end
    sleep_ms(2000)
    expect.eq(#c:leaders(), 0, "leaders")
    for _, node in ipairs(c:nodes()) do expect.eq(node.condition, "recovering") end
  end,
}
