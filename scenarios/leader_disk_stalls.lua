-- The leader's disk takes operations and never answers. It cannot lead: it steps down, and the others
-- go on without it until its disk is back.
scenario{
  name  = "leader_disk_stalls",
  doc   = "The disk of the leader stalls without end; another one takes over, and the old one catches up afterwards.",
  tags  = {"disk", "election"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local old = c:wait_leader()
    local load = c:load{ clients = 2, rate_per_s = 100, keys = 3 }
    sleep_ms(100)
    local stall = old.disk:stall{}
    c:wait_leader{ other_than = old, within_ms = 5000 }
    local before = c:committed()
    expect.eventually("the others commit", { within_ms = 3000 }, function()
      return c:committed() > before + 5
    end)
    old.disk:heal()
    expect.ok(stall.hits > 0)
    load:stop()
    load:wait()
    expect.converged{ within_ms = 5000 }
  end,
}
