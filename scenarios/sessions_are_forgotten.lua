-- State machines remember fewer clients than there are: whoever was forgotten registers anew, and no
-- command is applied twice.
scenario{
  name   = "sessions_are_forgotten",
  doc    = "More clients than sessions write, read and swap while leaders crash and answers are lost; nothing is applied twice.",
  tags   = {"clients", "sessions", "crash", "snapshot"},
  seeds  = 10,
  params = { sessions = {3, "clients that are remembered", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, sessions = p.sessions, snapshot_every = 20, snapshot_trailing = 2 }
    c:wait_leader()
    local load = c:load{ clients = p.sessions + 3, rate_per_s = 30, keys = 3,
                         mix = { put = 1, get = 1, cas = 1 } }
    for _ = 1, 3 do
      sleep_ms(400)
      local leader = c:leader()
      if leader then
        leader:crash{ unsynced = "random" }
        sleep_ms(300)
        leader:restart()
      end
    end
    load:stop()
    load:wait()
    expect.ok(load.ok_count > 10, "clients were served")

    -- Nobody has sent it before, so that it goes on in a new session.
    local late = c:client{ timeout_ms = 5000 }
    expect.ok(late:put("late", 1))
    expect.eq(late:get("late"), 1)
    local others = c:load{ clients = p.sessions + 1, rate_per_s = 50, keys = 3, mix = { put = 1 } }
    sleep_ms(300)
    others:stop()
    others:wait()
    expect.ok(late:put("late", 2), "forgotten, and registered again")
    expect.eq(late:get("late"), 2)
    expect.converged{ within_ms = 5000 }
  end,
}
