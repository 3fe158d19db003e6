-- Log segments of a few entries each: creating, renaming and removing files is where crashes hurt.
scenario{
  name   = "segment_roll",
  doc    = "A node dies before or after a step of rolling to a new log segment, and recovers.",
  tags   = {"disk", "crash", "recovery", "sweep"},
  seeds  = 2,
  params = {
    point = {"segment.roll.create", "the step"},
    side  = {"before", "whether the step takes effect", oneof = {"before", "after"}},
  },
  sweep  = { point = fault.points("segment.roll.*", "crash_before"), side = {"before", "after"} },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = 700, batch_entries = 4 }
    c:wait_leader()
    local victim
    on("crashed", function(ev) victim = ev.node end)
    fault.at(p.point):times(1):crash(p.side)
    local load = c:load{ clients = 3, rate_per_s = 200, keys = 3, for_ms = 600 }
    expect.eventually("a node crashes", { within_ms = 2000 }, function() return victim ~= nil end)
    sleep_ms(100)
    victim:restart()
    load:wait()
    expect.converged{ within_ms = 5000 }
  end,
}
