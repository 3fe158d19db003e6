-- A leader hands over while it is busy: entries are being written, the state machine is applying, a
-- snapshot is being saved. It takes nothing new meanwhile, and all that it had taken must be answered.
scenario{
  name  = "transfers_in_the_middle",
  doc   = "A busy leader hands over, to a node that is behind or does not answer: what it had taken is answered.",
  tags  = {"election", "transfer", "snapshot"},
  seeds = 3,

  run = function()
    local c = cluster{ nodes = 3, segment_bytes = 300, snapshot_every = 6, snapshot_trailing = 1, batch_entries = 1 }
    local cl = c:client{ timeout_ms = 3000 }
    local moved = 0
    for round = 1, 6 do
      local leader = c:wait_leader()
      local target = c:others(leader)[1]
      local term = leader.term
      for i = 1, 4 do expect.ok(cl:put("k" .. i, round)) end
      if round % 2 == 0 then target:pause() end
      local load = c:load{ clients = 4, rate_per_s = 2000, keys = 3 }
      sleep_ms(4)
      leader:transfer(target)
      sleep_ms(20)
      load:stop()
      if round % 2 == 0 then
        sleep_ms(200)
        target:resume()
      else
        expect.eventually("somebody leads in another term", { within_ms = 2000 }, function()
          local now = c:leader()
          return now ~= nil and now.term > term
        end)
        moved = moved + 1
      end
      load:wait()
      expect.converged{ within_ms = 3000 }
    end
    expect.eq(moved, 3, "transfers")
  end,
}
