package storetest

// toyBugs are mistakes in SQL, each an edit of a Store that passes.
func toyBugs() []seededBug {
	edit := func(oldNew ...string) Target { return toyTarget(toyBug{edits: oldNew}) }
	const (
		noForeignKeys = "&_pragma=foreign_keys(1)"
		below         = `WITH RECURSIVE below (kind, id) AS (
			SELECT kind, id FROM row WHERE parent_kind = ?1 AND parent_id = ?2
			UNION SELECT row.kind, row.id FROM row JOIN below ON row.parent_kind = below.kind AND row.parent_id = below.id)
			DELETE FROM row WHERE (kind, id) IN (SELECT kind, id FROM below)`
	)
	return []seededBug{
		{"SQL: IDs COLLATE NOCASE", "OddKeys", edit("id TEXT NOT NULL", "id TEXT NOT NULL COLLATE NOCASE")},
		{"SQL: Unique COLLATE RTRIM", "OddKeys", edit("uniq TEXT", "uniq TEXT COLLATE RTRIM")},
		{"SQL: ORDER BY id COLLATE NOCASE", "OddKeys", edit("ORDER BY id", "ORDER BY id COLLATE NOCASE")},
		{"SQL: ORDER BY rowid", "Pages", edit("ORDER BY id", "ORDER BY rowid")},
		{"SQL: ORDER BY due, rowid", "Due", edit("ORDER BY due, id", "ORDER BY due, rowid")},
		{"SQL: the cursor compares due and not id", "Pages", edit("(due, id) > (", "(due, '') > (")},
		{"SQL: pages by OFFSET", "PagesUnderChange", toyTarget(toyBug{offset: true})},
		{"SQL: LIMIT n without looking for one more", "Pages", toyTarget(toyBug{noProbe: true})},
		{"SQL: due <= ?", "Due", edit("due < ?", "due <= ?")},
		{"SQL: due is a REAL", "Times", edit("due INTEGER", "due REAL")},
		{"SQL: due is not overwritten by NULL", "Due", edit("due = ?8", "due = coalesce(?8, due)")},
		{"SQL: UPDATE forgets the labels", "Labels", edit("labels = ?7, ", "")},
		{"SQL: a label is LIKE another", "Labels", edit("value = ?", "value LIKE ? || '%'")},
		{"SQL: labels are joined with OR", "Labels", toyTarget(toyBug{orLabels: true})},
		{"SQL: Get uses LIKE", "OddKeys", edit("data FROM row WHERE kind = ?1 AND id = ?2", "data FROM row WHERE kind = ?1 AND id LIKE ?2")},
		{"SQL: UPDATE without the kind", "RoundTrip", edit("data = ?9 WHERE kind = ?1 AND id = ?2", "data = ?9 WHERE id = ?2")},
		{"SQL: UPDATE by the version alone", "Versions", edit("data = ?9 WHERE kind = ?1 AND id = ?2", "data = ?9 WHERE kind = ?1 AND version = ?3 - 1")},
		{"SQL: DELETE without the kind", "DeleteOnce", edit("DELETE FROM row WHERE kind = ?1 AND id = ?2", "DELETE FROM row WHERE id = ?2")},
		{"SQL: Unique is looked up without the kind", "Unique", edit("kind = ?1 AND uniq = ?2 AND", "uniq = ?2 AND")},
		{"SQL: GetPath without the parent's kind", "GetPath", edit("p.kind = ?1 AND p.uniq = ?2", "p.uniq = ?2")},
		{"SQL: GetPath joins by the parent's id alone", "GetPath", edit("ON c.parent_kind = p.kind AND c.parent_id", "ON c.parent_id")},
		{"SQL: GetPath does not join", "GetPath", edit("ON c.parent_kind = p.kind AND c.parent_id = p.id", "ON true")},
		{"SQL: PRAGMA foreign_keys on one connection of the pool", "Cascade", toyTarget(toyBug{edits: []string{noForeignKeys, ""}, fkOnPool: true})},
		{"SQL: no ON DELETE CASCADE", "Cascade", edit(" ON DELETE CASCADE", "")},
		{"SQL: ON DELETE SET NULL", "Cascade", edit(" ON DELETE CASCADE", " ON DELETE SET NULL")},
		{"SQL: DELETE of one level", "Cascade", edit(noForeignKeys, "", toyDelete, toyDelete+"; DELETE FROM row WHERE parent_kind = ?1 AND parent_id = ?2")},
		{"SQL: DELETE in two statements without a transaction", "CascadeRace", toyTarget(toyBug{
			edits: []string{noForeignKeys, "", toyDelete, toyDelete + ";" + below}, noTx: true,
		})},
		{"SQL: the parent is looked up before the INSERT", "NoOrphans", toyTarget(toyBug{
			edits: []string{noForeignKeys, "", toyDelete, below + ";" + toyDelete}, noTx: true,
		})},
		{"SQL: UPDATE without the version", "CASContention", toyTarget(toyBug{noTx: true})},
		{"SQL: DELETE without the version", "DeleteOnce", toyTarget(toyBug{noTx: true})},
		{"SQL: INSERT OR REPLACE", "CreateOnce", toyTarget(toyBug{edits: []string{"INSERT INTO", "INSERT OR REPLACE INTO"}, noTx: true})},
		{"SQL: no UNIQUE constraint", "UniqueRace", toyTarget(toyBug{edits: []string{", UNIQUE (kind, uniq)", ""}, noTx: true})},
		{"SQL: UPDATE in two statements without a transaction", "TornReads", toyTarget(toyBug{split: true, noTx: true})},
		{"SQL: BEGIN DEFERRED before a write", "CASContention", edit("_txlock=immediate", "_txlock=deferred")},
		{"SQL: no busy timeout", "CASContention", edit("busy_timeout(10000)", "busy_timeout(0)")},
		{"SQL: Get without the context", "Canceled", toyTarget(toyBug{deafGet: true})},
	}
}
