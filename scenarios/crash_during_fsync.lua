-- A node dies between the write of a batch and the end of its sync. What is not durable may be kept,
-- lost or torn; what was acknowledged must be there again.
scenario{
  name   = "crash_during_fsync",
  doc    = "A node crashes while the sync of its log is under way, with each fate of its unsynced writes.",
  tags   = {"disk", "crash", "recovery"},
  seeds  = 3,
  params = {
    who      = {"leader", "the role of the node", oneof = {"leader", "follower"}},
    unsynced = {"lose", "what happens to writes that are not durable",
                oneof = {"lose", "keep", "torn", "random"}},
    nth      = {4, "which sync of its log", min = 1},
  },
  sweep  = { who = {"leader", "follower"}, unsynced = {"lose", "keep", "torn", "random"} },

  run = function(p)
    local c = cluster{ nodes = 3, disk_sync_ms = 4 }
    c:wait_leader()
    local victim
    -- The sync takes 2 to 6 ms; the node dies 1 ms after it was asked for.
    fault.at("segment.append.sync"):on(p.who):nth(p.nth):call(function(at)
      after_ms(1, function()
        victim = at.node
        victim:crash{ unsynced = p.unsynced }
      end)
    end)
    local load = c:load{ clients = 3, rate_per_s = 120, keys = 4, for_ms = 1200 }
    expect.eventually("a node crashes", { within_ms = 3000 }, function() return victim ~= nil end)
    c:wait_leader{ other_than = victim }
    sleep_ms(200)
    victim:restart()
    load:wait()
    expect.converged{ within_ms = 5000 }
    expect.ok(load.ok_count > 0, "the cluster made progress")
  end,
}
