-- A sync of the leader's log fails. After a failed sync nobody knows what is on the disk: the node
-- must stop, and must not have acknowledged what it could not make durable.
scenario{
  name   = "leader_fsync_eio",
  doc    = "The nth sync of the log fails on whoever leads: that node stops, the others carry on.",
  tags   = {"disk", "error"},
  seeds  = 5,
  params = {
    nth     = {3, "which sync of the leader's log fails", min = 1},
    reverts = {false, "the failed sync loses the content of the cache, too"},
  },
  sweep  = { reverts = {false, true} },

  run = function(p)
    local c = cluster{ nodes = 3, revert_failed_sync = p.reverts }
    c:wait_leader()
    local victim
    on("fault_fired", function(ev) victim = victim or ev.node end)
    local rule = fault.at("segment.append.sync"):on("leader"):nth(p.nth):errno("EIO")

    local load = c:load{ clients = 2, rate_per_s = 80, for_ms = 1500 }
    expect.eventually("the failing node stops", { within_ms = 3000 }, function()
      return victim ~= nil and not victim.up
    end)
    expect.eq(rule.hits, 1)
    expect.eq(victim.state, "failed")
    c:wait_leader{ other_than = victim }
    local before = load.ok_count
    load:wait()
    expect.ok(load.ok_count > before, "writes went on after the failure")
  end,
}
