-- A leader hears no answer and steps down with requests pending. The next leader has their entries
-- and commits them: nobody may have been told that they failed.
scenario{
  name   = "pending_writes_survive_their_leader",
  doc    = "A leader whose followers' answers are lost steps down; its pending writes are committed by the next one.",
  tags   = {"network", "election", "outcome"},
  seeds  = 5,

  run = function()
    local c = cluster{ nodes = 3 }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 0))
    expect.converged{ within_ms = 2000 }
    c:drop{ type = "append_rep", to = old }
    local last = old.last_index
    local ok, err
    local write = spawn(function() ok, err = c:client{ timeout_ms = 200 }:put("x", 1) end)
    expect.eventually("a follower has the entry", { within_ms = 500 }, function()
      return c:others(old)[1].last_index > last
    end)
    expect.eventually("the leader steps down", { within_ms = 1000 }, function()
      return not old:is_leader()
    end)
    write:join()
    expect.ok(ok or err ~= "not_leader", "nobody knows yet whether it will be committed")
    c:heal()
    c:wait_leader()
    expect.eq(c:client():get("x"), 1, "what the next leader has committed")
  end,
}
