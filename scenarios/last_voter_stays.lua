-- A cluster of one voter and one learner: whoever asks for the voter's removal, with nobody left to
-- vote, is told that no such cluster can be, and everything goes on.
scenario{
  name  = "last_voter_stays",
  doc   = "The removal of the only voter is refused, whether a learner is left or nobody.",
  tags  = {"membership"},
  seeds = 3,

  run = function()
    local c = cluster{ nodes = 1 }
    local leader, cl = c:wait_leader(), c:client()
    expect.ok(cl:put("x", 1))
    local ok, why = c:remove(leader)
    expect.eq(ok, nil, "nobody is left")
    expect.eq(why, "invalid")
    local learner = c:add{ learner = true }
    expect.ok(learner, "it joins")
    ok, why = c:remove(leader)
    expect.eq(ok, nil, "nobody is left to vote")
    expect.eq(why, "invalid")
    expect.ok(cl:put("x", 2))
    expect.eq(#c:members(), 2, "members")
    expect.converged{ within_ms = 2000 }
    expect.eq(cl:get("x"), 2)
  end,
}
