-- Two of three machines are lost for good. What is left is told by hand to go on alone; what it has
-- is kept, and the cluster grows again.
scenario{
  name  = "unsafe_recovery_after_losing_a_majority",
  doc   = "A majority is lost for good: the survivor is recovered by hand, keeps what it has, and new nodes join.",
  tags  = {"membership", "recovery", "unsafe"},
  seeds = 10,

  run = function()
    local c = cluster{ nodes = 3 }
    c:wait_leader()
    local cl = c:client{ timeout_ms = 3000 }
    for i = 1, 8 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local survivor = c:pick(c:nodes())
    for _, n in ipairs(c:others(survivor)) do n:retire() end
    sleep_ms(1000)
    expect.eq(cl:put("x", 1, { timeout_ms = 500 }), nil, "nothing goes on without a majority")
    expect.ok(survivor:recover(survivor), "it may")
    expect.eventually("the survivor leads alone", { within_ms = 2000 }, function()
      return survivor:is_leader() and #c:members() == 1
    end)
    for i = 1, 8 do expect.eq(cl:get("k" .. i), i, "what it had") end
    expect.ok(cl:put("x", 2))
    expect.ok(c:add())
    expect.ok(c:add())
    expect.eq(#c:members(), 3, "members")
    survivor:crash()
    survivor:restart()
    expect.converged{ within_ms = 5000 }
    expect.eq(cl:get("x"), 2)
  end,
}
