-- Nodes stop in good order and come back, one after the other, under load: every request must be
-- answered and everything given back at each stop.
scenario{
  name   = "graceful_restart",
  doc    = "A rolling restart under load: each node stops in good order with requests pending.",
  tags   = {"shutdown", "leak"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    c:wait_leader()
    local load = c:load{ clients = 6, rate_per_s = 300, keys = 5 }
    sleep_ms(100)
    for _, n in ipairs(c:nodes()) do
      n:stop()
      expect.eventually(n.name .. " stops in good order", { within_ms = 2000 }, function()
        return n.state == "stopped"
      end)
      sleep_ms(50)
      n:restart()
      c:wait_leader()
      expect.eventually(n.name .. " catches up", { within_ms = 5000 }, function()
        return n.commit_index >= c:committed()
      end)
    end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "writes went through")
  end,
}
