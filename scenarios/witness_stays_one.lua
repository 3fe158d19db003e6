-- What a node is, witness or full member, its store is for good.
scenario{
  name  = "witness_stays_one",
  doc   = "No change turns a witness into a full member or back; it goes, and another node comes.",
  tags  = {"membership", "witness"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, witnesses = {3}, catch_up_ms = 500, snapshot_every = 6,
                       snapshot_trailing = 0 }
    local witness = c[3]
    local leader = c:wait_leader()
    local other = c:others({ leader, witness })[1]
    local cl = c:client{ timeout_ms = 5000 }
    for i = 1, 10 do expect.ok(cl:put("x", i)) end

    local function refused(why, result, got)
      expect.eq(result, nil, "it is done")
      expect.eq(got, why)
    end
    refused("invalid", c:promote(witness))
    refused("invalid", c:demote(witness))
    refused("invalid", c:promote(other, { witness = true }))
    expect.ok(not witness:recover({ witness, other }), "nor does anybody by hand")

    expect.ok(c:remove(witness))
    -- Its store has no data: it takes nothing from whom it is a full member to.
    refused("aborted", c:add{ node = witness })
    expect.eq(#c:members(), 2, "members")
    expect.ok(c:add{ node = witness, witness = true }, "as what it was it may come back")
    local full = expect.ok(c:add{ instead_of = witness })
    expect.eq(full.member, "voter")
    local another = expect.ok(c:add{ witness = true })
    for i = 1, 10 do expect.ok(cl:put("x", i)) end
    expect.eventually("a witness that joined compacts like one of the beginning", { within_ms = 2000 }, function()
      return another.snapshot_index > 0 and another.commit_index >= c:committed()
    end)
    another:crash{ unsynced = "random" }
    another:restart()
    expect.converged{ within_ms = 5000 }
    expect.eq(another.member, "witness")
  end,
}
