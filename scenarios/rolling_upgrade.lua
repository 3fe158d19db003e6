-- An operator upgrades a cluster node by node: with --sut-next FILE.so each node comes back as the
-- second implementation, so that for a while both answer each other and read each other's files. Then
-- one goes back. Without --sut-next it is the same implementation that comes back.
scenario{
  name   = "rolling_upgrade",
  doc    = "Under load the nodes stop one after the other and come back as the next implementation; one goes back.",
  tags   = {"shutdown", "upgrade"},
  seeds  = 5,
  params = {
    crash = {false, "the nodes crash instead of stopping in good order"},
    up    = {3, "how many of the three nodes are upgraded", min = 0, max = 3},
  },
  sweep  = { crash = {false, true} },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = 1024, snapshot_every = 40 }
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 150, keys = 4 }
    sleep_ms(100)

    local function come_back(n, sut)
      if p.crash then n:crash{ unsynced = "torn" } else n:stop() end
      expect.eventually(n.name .. " is gone", { within_ms = 2000 }, function() return not n.up end)
      sleep_ms(20)
      n:restart{ sut = sut }
      c:wait_leader()
      expect.eventually(n.name .. " catches up", { within_ms = 5000 }, function()
        return n.commit_index >= c:committed()
      end)
    end
    for i = 1, p.up do
      come_back(c[i], "next")
    end
    come_back(c[1], "first")
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
    expect.converged{ within_ms = 5000 }
  end,
}
