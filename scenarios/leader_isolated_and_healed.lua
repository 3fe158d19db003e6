-- Cut the leader off: the majority elects another one, and the old leader must not commit.
scenario{
  name   = "leader_isolated_and_healed",
  doc    = "An isolated leader acknowledges nothing; the others carry on; healed, all agree.",
  tags   = {"network", "election", "smoke"},
  seeds  = 5,
  params = { hold_ms = {1000, "how long the leader is alone after a new one was elected", min = 0} },

  run = function(p)
    local c = cluster{ nodes = 5 }
    local old = c:wait_leader()
    local cl = c:client{ timeout_ms = 2000 }
    expect.ok(cl:put("x", 1))
    expect.converged{ within_ms = 2000 }

    local before = old.commit_index
    local cut = c:partition(old, "rest")
    local new = c:wait_leader{ other_than = old, within_ms = 3000 }
    expect.ok(cl:put("x", 2))
    sleep_ms(p.hold_ms)
    expect.eq(old.commit_index, before, "what the isolated leader has committed")
    expect.ok(new.commit_index > before, "the others have committed more")
    expect.ok(not old:is_leader(), "a leader that hears of no majority has stepped down")

    cut:heal()
    expect.converged{ within_ms = 5000 }
    expect.eq(cl:get("x"), 2)
  end,
}
