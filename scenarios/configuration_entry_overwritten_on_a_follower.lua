-- A joint configuration reaches a minority and is overwritten: whoever had it goes back to the one
-- before, and so does a node that restarts in between.
scenario{
  name   = "configuration_entry_overwritten_on_a_follower",
  doc    = "A configuration that a minority went by is overwritten by the next leader; the one before is in force again.",
  tags   = {"membership", "conflict", "schedule"},
  seeds  = 10,
  params = { restarts = {false, "the follower restarts while it goes by it"} },
  sweep  = { restarts = {false, true} },

  run = function(p)
    -- Without check-quorum the old leader goes on for as long as it is cut off.
    local c = cluster{ nodes = 5, check_quorum = false }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    expect.converged{ within_ms = 2000 }
    local follower = c:followers()[1]
    local rest = c:others({ old, follower })
    local cut = c:partition({ old, follower }, rest)
    local outcome, why
    local change = spawn(function() outcome, why = c:remove(rest[1]) end)
    expect.eventually("the follower goes by the joint configuration", { within_ms = 500 }, function()
      return follower.is_joint and follower.durable_index >= follower.configuration_index
    end)
    local index = follower.configuration_index
    if p.restarts then
      follower:crash()
      follower:restart()
      expect.eq(follower.configuration_index, index, "it knows after a restart what it went by")
    end
    local new = c:wait_leader{ other_than = old, within_ms = 3000 }
    expect.eventually("the majority goes on", { within_ms = 3000 }, function()
      return new.commit_index > 2 and new:is_leader()
    end)
    cut:heal()
    expect.eventually("everybody goes by the first configuration", { within_ms = 3000 }, function()
      for _, n in ipairs(c:nodes()) do
        if n.configuration_index ~= 0 or n.is_joint then return false end
      end
      return follower.commit_index >= index
    end)
    change:join()
    expect.eq(outcome, nil)
    expect.eq(why, "unknown")
    expect.ok(c:remove(rest[1], { within_ms = 5000 }), "it can be removed now")
  end,
}
