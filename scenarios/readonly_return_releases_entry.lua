-- braft issue 454. A leader that prepares a message takes a reference on each log entry it puts in;
-- when the follower was read-only, braft returned EREADONLY and forgot to give the reference back.
-- Nothing crashed; memory grew by one entry for each attempt until the process was killed.
scenario{
  name   = "readonly_return_releases_entry",
  doc    = "A follower is read-only under load: every early return of the leader's replication gives its entry back.",
  tags   = {"leak", "regression", "read_only"},
  seeds  = 5,
  params = { writes = {30, "writes while the follower is read-only", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local leader = c:wait_leader()
    local readonly = c:pick(c:others(leader))
    local cl = c:client()
    for i = 1, 5 do expect.ok(cl:put("warm" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local baseline = leader.mem:live("log_entry", "replication")

    readonly:set_readonly(true)           -- the leader hears of it in the next answers
    sleep_ms(200)
    for i = 1, p.writes do                -- the other follower and the leader are a majority
      expect.ok(cl:put("k" .. i % 7, i))
    end
    expect.reached("replication.prepare.readonly", { min = 1 })
    expect.ok(readonly.last_index < leader.last_index, "the read-only follower takes no entries")

    readonly:set_readonly(false)
    expect.eventually("the follower catches up", { within_ms = 5000 }, function()
      return readonly.commit_index == leader.commit_index
    end)
    sleep_ms(100)
    expect.eq(leader.mem:live("log_entry", "replication"), baseline,
              "references that the leader's replication holds afterwards")
  end,
}
