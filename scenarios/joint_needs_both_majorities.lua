-- Two of three nodes are replaced at once. While the joint configuration is in force, the new majority
-- alone decides nothing, and the old one alone neither (dissertation §4.3).
scenario{
  name   = "joint_needs_both_majorities",
  doc    = "During a change nothing is committed by the majority of one side alone.",
  tags   = {"membership", "partition"},
  seeds  = 10,
  params = { with = {"new", "whom the leader can talk to", oneof = {"new", "old"}} },
  sweep  = { with = {"new", "old"} },

  run = function(p)
    -- No node campaigns by itself, so that the leader goes on trying for as long as it is cut off.
    local c = cluster{ nodes = 3, election_min_ms = 20000, election_max_ms = 30000 }
    c[1]:campaign()
    local leader = c:wait_leader()
    local old = c:followers()
    local new = { expect.ok(c:add{ learner = true }), expect.ok(c:add{ learner = true }) }
    local done
    local change = spawn(function() done = c:add{ node = new, instead_of = old, within_ms = 5000 } end)
    expect.eventually("the change is joint", { within_ms = 500, poll_ms = 0.02 }, function()
      return leader.is_joint
    end)
    local index = leader.configuration_index
    local near = p.with == "new" and new or old
    local cut = c:partition({ leader, near[1], near[2] }, "rest")
    sleep_ms(1000)
    expect.ok(leader.commit_index < index, "one side has committed nothing")
    cut:heal()
    change:join()
    expect.ok(done, "with both sides the change is done")
    expect.eq(#c:members(), 3, "members")
  end,
}
