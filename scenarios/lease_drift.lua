-- The old leader's clock is slow and the others' are fast, as far as the options allow. The old one
-- is cut off; its lease must have ended before another leader commits.
scenario{
  name   = "lease_ends_in_time",
  doc    = "A leader that is cut off answers no read from its lease once another one has committed, at the edge of the drift.",
  tags   = {"read", "clock", "network"},
  seeds  = 10,
  params = {
    drift_ppm = {200000, "the drift that the options allow", min = 0, max = 400000},
    real_ppm  = {0, "how far the clocks are off; 0: as far as that", min = 0, max = 900000},
  },

  run = function(p)
    local c = cluster{ nodes = 3, lease_reads = true, clock_drift_ppm = p.drift_ppm }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    for _, n in ipairs(c:nodes()) do
      local ppm = p.real_ppm > 0 and p.real_ppm or p.drift_ppm
      n.clock:drift_ppm(n.id == old.id and -ppm or ppm)
    end
    sleep_ms(500)
    c:isolate(old)
    local load = c:load{ clients = 4, rate_per_s = 800, keys = 1, mix = { get = 1 }, by_index = true }
    local candidate, again_ms = c:others(old)[1], 0
    expect.eventually("another leader", { within_ms = 3000, poll_ms = 0.5 }, function()
      if not candidate:is_leader() and now_ms() >= again_ms then
        candidate:campaign()
        again_ms = now_ms() + 15
      end
      return candidate:is_leader()
    end)
    expect.ok(c:client():put("x", 2))
    sleep_ms(100)
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 0, "reads were answered")
  end,
}
