-- Links that work in one direction only, as at Cloudflare in November 2020.
scenario{
  name   = "asymmetric_partition",
  doc    = "The leader is not heard, or hears nobody, by one direction of its links; the cluster recovers by itself.",
  tags   = {"network", "election"},
  seeds  = 4,
  params = {
    deaf = {false, "the leader hears nobody (else nobody hears the leader)"},
  },
  sweep  = { deaf = {false, true} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local old = c:wait_leader()
    local load = c:load{ clients = 2, rate_per_s = 60, keys = 3 }
    sleep_ms(100)
    local others = c:others(old)
    if p.deaf then c:cut{ from = others, to = old } else c:cut{ from = old, to = others } end
    local new = c:wait_leader{ other_than = old, within_ms = 5000 }
    sleep_ms(500)
    expect.ok(new.term > 1, "a new term has begun")
    c:heal()
    expect.eventually("one leader is left", { within_ms = 3000, poll_ms = 5 }, function()
      return #c:leaders() == 1
    end)
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}
