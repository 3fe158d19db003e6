-- Everything that a network does to single messages, at once: bursts of losses, heavy tails, links
-- with room for few messages, connections that break, messages of which a part arrives or a bit is
-- wrong. The codec must refuse what is damaged, and work goes on.
scenario{
  name   = "bad_network",
  doc    = "Links lose in bursts, break, overflow, truncate and corrupt under load; writes go through all the same.",
  tags   = {"network"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3, latency_ms = 2, batch_entries = 4 }
    c:wait_leader()
    local load = c:load{ clients = 4, rate_per_s = 300, keys = 4 }
    local rules = {
      c:link{ loss = 0.02, burst_ms = 10 },
      c:link{ tail = 0.05, tail_ms = 10 },
      c:link{ from = "leader", capacity = 3 },
      c:link{ truncate = 0.02, corrupt = 0.02 },
      c:link{ type = "append_req", reset = 0.02 },
      c:link{ type = "append_rep", reorder = 0.1, dup = 0.1 },
    }
    local clog = c:hold{ from = "follower", type = "append_rep", shuffle = true, every = 7 }
    sleep_ms(1500)
    clog:release()
    sleep_ms(500)
    for _, rule in ipairs(rules) do rule:heal() end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 50, "writes went through")
  end,
}
