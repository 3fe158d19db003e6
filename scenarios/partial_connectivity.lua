-- No two nodes see the same majority, or two halves meet in one node only. Raft promises no leader
-- that lasts under such partitions, but it must stay right, and recover when they end.
scenario{
  name   = "partial_connectivity",
  doc    = "A ring of majorities, or a bridge between two halves: nothing wrong is said, and the cluster recovers.",
  tags   = {"network", "election"},
  seeds  = 5,
  params = { shape = {"ring", "the partition", oneof = {"ring", "bridge"}} },
  sweep  = { shape = {"ring", "bridge"} },

  run = function(p)
    local c = cluster{ nodes = 5 }
    local leader = c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 100, keys = 3 }
    sleep_ms(100)
    local partition
    if p.shape == "ring" then
      partition = c:ring()
    else
      local others = c:others(leader)
      partition = c:bridge(others[1], { leader, others[2] }, "rest")
    end
    sleep_ms(1500)
    partition:heal()
    local before = c:committed()
    c:wait_leader{ within_ms = 5000 }
    expect.eventually("entries are committed again", { within_ms = 5000 }, function()
      return c:committed() > before
    end)
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}
