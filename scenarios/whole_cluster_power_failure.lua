-- The power fails for all nodes at once. Every write that was acknowledged is there afterwards.
scenario{
  name   = "whole_cluster_power_failure",
  doc    = "All nodes die at the same instant under load, with torn writes; acknowledged writes survive.",
  tags   = {"crash", "disk", "recovery"},
  seeds  = 5,
  params = { failures = {3, "how often the power fails", min = 1} },

  run = function(p)
    local c, r = cluster{ nodes = 3, segment_bytes = 2048 }, rng("power")
    local acknowledged = {}
    for round = 1, p.failures do
      c:wait_leader()
      local load = c:load{ clients = 3, rate_per_s = 150, keys = 4 }
      local writer = c:client{ timeout_ms = 500 }
      local key = "key" .. round
      local stop_ms = now_ms() + r:int(50, 300)
      local value = 0
      while now_ms() < stop_ms do
        value = value + 1
        if writer:put(key, value) then acknowledged[key] = value end
      end
      load:stop()
      local unsynced = r:pick{ "lose", "torn", "random" }
      for _, n in ipairs(c:nodes()) do n:crash{ unsynced = unsynced } end
      sleep_ms(r:int(1, 50))
      for _, n in ipairs(c:nodes()) do n:restart() end
      load:wait()
    end
    c:wait_leader()
    local reader = c:client()
    for key, value in pairs(acknowledged) do
      local got = reader:get(key)
      expect.ok(got ~= nil and got >= value, "an acknowledged write of " .. key .. " survives")
    end
  end,
}
