-- More requests than a node takes at a time.
scenario{
  name   = "back_pressure",
  doc    = "Nodes take few requests at a time and get many: what they refuse is sent again, and every log stays in step.",
  tags   = {"load"},
  seeds  = 5,
  params = { pending = {2, "requests that a node takes at a time", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, pending_requests = p.pending, batch_entries = 2, window_messages = 1 }
    c:wait_leader()
    local load = c:load{ clients = 6, rate_per_s = 600, keys = 3, for_ms = 500 }
    load:wait()
    expect.reached("submit.request.full")
    expect.ok(load.ok_count > 20, "requests went through all the same")
    expect.converged{ within_ms = 2000 }
  end,
}
