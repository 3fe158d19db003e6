-- The whole cluster loses power in the middle of a change, at each of its stages. Whatever the disks
-- have kept, the cluster comes back, in the old or in the new configuration, and with every write.
local stages = {
  catching_up   = function(l) return l.change == "catching up" end,
  joint_written = function(l) return l.is_joint and l.durable_index < l.configuration_index end,
  joint_durable = function(l) return l.is_joint and l.durable_index >= l.configuration_index end,
  final_written = function(l)
    return l.change == "leaving" and not l.is_joint and l.durable_index < l.configuration_index
  end,
  final_durable = function(l)
    return l.change == "leaving" and not l.is_joint and l.durable_index >= l.configuration_index
  end,
  done          = function(l) return l.configuration_index > 0 and l.change == "none" end,
}

scenario{
  name   = "crash_of_all_at_each_configuration_stage",
  doc    = "Every node crashes at a given stage of a change; the cluster comes back in one configuration.",
  tags   = {"membership", "crash"},
  seeds  = 5,
  params = {
    stage    = {"joint_durable", "at which all crash",
                oneof = {"catching_up", "joint_written", "joint_durable", "final_written",
                         "final_durable", "done"}},
    unsynced = {"random", "what happens to writes that are not durable",
                oneof = {"lose", "keep", "torn", "random"}},
  },
  sweep  = {
    stage    = {"catching_up", "joint_written", "joint_durable", "final_written", "final_durable",
                "done"},
    unsynced = {"lose", "keep", "random"},
  },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local cl = c:client{ timeout_ms = 5000 }
    for i = 1, 5 do expect.ok(cl:put("k" .. i, i)) end
    local reached = stages[p.stage]
    spawn(function() c:add{ instead_of = c:followers()[1] } end)
    expect.eventually("the change is " .. p.stage, { within_ms = 2000, poll_ms = 0.02 }, function()
      return reached(leader)
    end)
    for _, n in ipairs(c:nodes()) do n:crash{ unsynced = p.unsynced } end
    for _, n in ipairs(c:nodes()) do n:restart() end
    expect.eventually("a leader goes by one configuration", { within_ms = 5000 }, function()
      local l = c:leader()
      return l and not l.is_joint and l.change == "none"
    end)
    expect.eq(#c:members(), 3, "members")
    for i = 1, 5 do expect.eq(cl:get("k" .. i), i) end
    expect.ok(c:add{ learner = true, within_ms = 10000 }, "another change is possible")
  end,
}
