-- A witness is a voter without data: its vote and its disk count, it never leads.
scenario{
  name  = "witness_votes_but_never_leads",
  doc   = "Two full nodes and a witness survive the loss of either full node; the witness only votes.",
  tags  = {"membership", "witness", "crash"},
  seeds = 10,
  params = { rounds = {4, "leaders that crash", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, witnesses = {3} }
    local witness = c[3]
    c:wait_leader()
    expect.never("the witness campaigns", function()
      return witness.role == "candidate" or witness:is_leader()
    end)
    local cl = c:client{ timeout_ms = 5000 }
    for i = 1, p.rounds do
      expect.ok(cl:put("x", i))
      -- The other full node has everything, so that it can be elected by the witness.
      expect.converged{ within_ms = 2000 }
      local old = c:leader()
      old:crash()
      local new = c:wait_leader{ other_than = old, within_ms = 5000 }
      expect.ok(new ~= witness, "a full node leads")
      expect.eq(cl:get("x"), i, "what the witness helped to commit")
      expect.ok(cl:put("y", i))
      old:restart()
      expect.converged{ within_ms = 5000 }
    end
    expect.ok(not witness:campaign(), "it may not even when told to")
    expect.eq(witness.member, "witness")
    expect.ok(witness.durable_index >= c:committed(), "its disk counts")
  end,
}
