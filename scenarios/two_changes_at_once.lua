-- Operators who know nothing of each other change the members at the same time.
scenario{
  name  = "two_changes_at_once",
  doc   = "A second change waits until the first one is done, at whatever stage that is.",
  tags  = {"membership"},
  seeds = 10,

  run = function()
    -- A slow disk keeps every stage of a change open for longer than the second one waits.
    local c = cluster{ nodes = 3, disk_sync_ms = 30 }
    c:wait_leader()
    local first = spawn(function() expect.ok(c:add{ learner = true }) end)
    local second = spawn(function() expect.ok(c:add{ learner = true }) end)
    local third = spawn(function() expect.ok(c:remove(c:followers()[1])) end)
    first:join()
    second:join()
    third:join()
    c:wait_leader()
    expect.eq(#c:members(), 4, "members")
    expect.reached("change.begin.busy")
  end,
}
