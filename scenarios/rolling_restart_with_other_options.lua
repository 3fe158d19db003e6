-- Nodes come back one after the other with other options, as when an operator tunes a cluster: for a
-- while each node has its own idea of batches, windows, segments and heartbeats.
scenario{
  name   = "rolling_restart_with_other_options",
  doc    = "A rolling restart under load changes batch, window, segment size, heartbeat and pre-vote node by node.",
  tags   = {"shutdown", "options"},
  seeds  = 5,
  params = { crash = {false, "the nodes crash instead of stopping in good order"} },
  sweep  = { crash = {false, true} },

  run = function(p)
    local c = cluster{ nodes = 3, batch_entries = 1, window_messages = 1, segment_bytes = 512 }
    c:wait_leader()
    local load = c:load{ clients = 4, rate_per_s = 200, keys = 4 }
    sleep_ms(100)
    local options = {
      { batch_entries = 64, window_messages = 8, segment_bytes = 65536, heartbeat_ms = 20 },
      { batch_entries = 2, segment_bytes = 1024, prevote = false, heartbeat_ms = 10 },
      { window_messages = 4, election_min_ms = 200, election_max_ms = 250, check_quorum = false },
    }
    for i, n in ipairs(c:nodes()) do
      if p.crash then n:crash{ unsynced = "torn" } else n:stop() end
      expect.eventually(n.name .. " is gone", { within_ms = 2000 }, function() return not n.up end)
      sleep_ms(20)
      n:restart(options[i])
      c:wait_leader()
      expect.eventually(n.name .. " catches up", { within_ms = 5000 }, function()
        return n.commit_index >= c:committed()
      end)
    end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
    expect.converged{ within_ms = 5000 }
  end,
}
