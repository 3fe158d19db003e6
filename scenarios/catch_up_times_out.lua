-- An added voter that does not get the log must not be in the way of anybody.
scenario{
  name  = "catch_up_times_out",
  doc   = "A node that cannot be reached is added: the change is given up, nothing was changed, and another one is possible.",
  tags  = {"membership", "liveness"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, catch_up_ms = 500 }
    local leader = c:wait_leader()
    local load = c:load{ clients = 1, rate_per_s = 50, keys = 3 }
    local outcome, why
    local change = spawn(function() outcome, why = c:add() end)
    expect.eventually("the new node is there", { within_ms = 100 }, function() return c.size == 4 end)
    local gone = c:isolate(4)
    expect.eventually("it is being caught up", { within_ms = 500 }, function()
      return leader.change == "catching up"
    end)
    local asked_at = now_ms()
    change:join()
    expect.eq(outcome, nil)
    expect.eq(why, "aborted")
    expect.ok(now_ms() - asked_at < 1000, "it was given up in time")
    expect.eq(#c:members(), 3, "members")
    expect.eq(leader.configuration_index, 0, "nothing was changed")
    expect.ok(leader:is_leader(), "nobody was deposed")
    gone:heal()
    expect.ok(c:add{ node = 4 }, "now it can be added")
    load:stop()
    load:wait()
    expect.ok(load.err_count == 0 and load.unknown_count == 0, "writes went on meanwhile")
  end,
}

scenario{
  name  = "catch_up_runs_out_of_rounds",
  doc   = "An added voter whose disk is slower than the writes never catches up; the change is given up after its rounds.",
  tags  = {"membership", "liveness", "disk"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, catch_up_ms = 60000, catch_up_rounds = 3, batch_entries = 1,
                       window_messages = 1 }
    local leader = c:wait_leader()
    local load = c:load{ clients = 2, rate_per_s = 10, keys = 3 }
    local why
    local change = spawn(function() why = select(2, c:add()) end)
    expect.eventually("the new node is there", { within_ms = 100 }, function() return c.size == 4 end)
    c[4].disk:slow{ op = "fsync", latency_ms = 200 }
    change:join()
    expect.eq(why, "aborted")
    expect.eq(leader.configuration_index, 0, "nothing was changed")
    load:stop()
    load:wait()
  end,
}
