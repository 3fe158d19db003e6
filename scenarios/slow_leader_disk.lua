-- The leader's disk gets very slow while a quorum elsewhere is fast (braft issue 479).
scenario{
  name   = "slow_leader_disk",
  doc    = "The leader's disk answers late; what it acknowledges is durable on a majority all the same.",
  tags   = {"disk", "performance"},
  seeds  = 5,
  params = { latency_ms = {60, "added to each operation", min = 0} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local cl = c:client()
    expect.ok(cl:put("x", 0))
    leader.disk:slow{ latency_ms = p.latency_ms, for_ms = 1500 }
    local load = c:load{ clients = 4, rate_per_s = 100, keys = 4, for_ms = 1200 }
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
    leader.disk:heal()
    expect.converged{ within_ms = 10000 }
  end,
}
