-- An operator takes a partition for a loss: a node that is cut off is told by hand to go on with the
-- leader alone, which it cannot reach. When it hears the leader again, what the log says holds.
scenario{
  name  = "recovered_too_early",
  doc   = "A node that was only cut off is recovered by hand; it hears its leader and goes by the log again.",
  tags  = {"membership", "recovery", "unsafe"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local cl = c:client{ timeout_ms = 3000 }
    for i = 1, 4 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local n = c:others(leader)[1]
    local cut = c:isolate(n)
    sleep_ms(400)
    expect.ok(n:recover{ n, leader }, "nobody knows better")
    sleep_ms(400)
    expect.ok(not n:is_leader(), "one of two is no majority")
    cut:heal()
    expect.ok(cl:put("x", 1))
    expect.converged{ within_ms = 3000 }
    expect.eq(#c:members(), 3, "members")
    n:crash()
    n:restart()
    expect.converged{ within_ms = 3000 }
    expect.eq(cl:get("x"), 1)
  end,
}
