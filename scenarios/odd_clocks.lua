-- The leader's clock stands still, so that it neither sends heartbeats nor notices that nobody
-- answers; another clock is thrown to and fro, and the timers of the third come late. As long as
-- requests come the old leader is heard through them: so there are none.
scenario{
  name   = "odd_clocks",
  doc    = "The leader's clock stands still, another one is thrown to and fro, timers come late: another leader takes over.",
  tags   = {"clock", "election"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local old, client = c:wait_leader(), c:client()
    local others = c:others(old)
    expect.ok(client:put("x", 1))
    old.clock:freeze()
    others[1].clock:strobe{ step_ms = 300, period_ms = 40 }
    others[2].clock:late{ p = 0.5, by_ms = 10 }
    c:wait_leader{ other_than = old, within_ms = 5000 }
    expect.ok(client:put("x", 2))
    sleep_ms(500)
    for _, n in ipairs(c:nodes()) do n.clock:heal() end
    expect.converged{ within_ms = 5000 }
    expect.eq(client:get("x"), 2)
  end,
}
