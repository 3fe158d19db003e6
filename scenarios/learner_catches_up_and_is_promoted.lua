-- A learner gets the log and counts for nothing; as a voter it counts.
scenario{
  name  = "learner_catches_up_and_is_promoted",
  doc   = "A learner follows without a vote, cannot replace a lost majority, and then becomes a voter that can.",
  tags  = {"membership", "learner"},
  seeds = 5,
  params = { writes = {40, "entries that are there before it", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, batch_entries = 4 }
    local leader = c:wait_leader()
    local cl = c:client()
    for i = 1, p.writes do expect.ok(cl:put("k" .. i % 5, i)) end
    local learner = expect.ok(c:add{ learner = true })
    expect.eventually("the learner has the log", { within_ms = 2000 }, function()
      return learner.applied_index >= c:committed()
    end)
    expect.eq(learner.role, "learner")
    expect.never("a learner campaigns", function()
      return learner.member == "learner" and (learner.role == "candidate" or learner:is_leader())
    end)
    expect.ok(not learner:campaign(), "it may not even when told to")

    -- The leader and a learner are no majority of three.
    local others = c:others({ leader, learner })
    others[1]:crash()
    others[2]:crash()
    expect.eq(cl:put("x", 1, { timeout_ms = 400 }), nil, "a write without a majority")
    others[1]:restart()
    c:wait_leader()
    expect.ok(cl:put("x", 2, { timeout_ms = 5000 }))

    -- As a voter it is one of three of four.
    expect.ok(c:promote(learner))
    expect.eventually("it votes", { within_ms = 1000 }, function()
      return learner.member == "voter"
    end)
    expect.ok(cl:put("x", 3))
    expect.ok(learner.durable_index >= c:committed(), "the write needed the new voter")
    others[2]:restart()
  end,
}
