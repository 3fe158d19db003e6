-- The disk of the leader is full and stays full. One change of leadership is needed, not one after
-- the other (hashicorp/raft issue 614).
scenario{
  name   = "full_disk_leader_makes_way",
  doc    = "The leader's disk is full for good: it steps down, and does not lead again before there is space.",
  tags   = {"disk", "error", "election"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 1))
    expect.converged{ within_ms = 2000 }
    local back = 0
    on("leader_elected", function(ev) if ev.node.id == old.id then back = back + 1 end end)
    old.disk:fill()
    local load = c:load{ clients = 3, rate_per_s = 60, keys = 3 }
    local new = c:wait_leader{ other_than = old, within_ms = 5000 }
    local before, term = load.ok_count, new.term
    sleep_ms(1500)
    expect.eq(back, 0, "elections of the node with the full disk")
    expect.ok(new.term <= term + 1, "leadership stays where it is")
    expect.ok(load.ok_count > before, "writes go on")
    old.disk:heal()
    load:stop()
    load:wait()
  end,
}
