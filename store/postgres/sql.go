package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"
)

// statements are the texts that never change, with the schema filled in. No
// statement has a star: a column that a later version adds must not change the
// result of one that is prepared.
type statements struct {
	version, get, path          string
	insert, update, drop, state string
	migration, schema           string
}

// columns are what a record consists of. What is absent is NULL in the table, and
// comes as the empty string, which is never stored.
const columns = `r.id, r.version, coalesce(r.parent_kind, ''), coalesce(r.parent_id, ''),
	coalesce(r.unique_name, ''), r.labels, r.due, r.data`

const versionSQL = `SELECT version, oldest FROM @.schema_version ORDER BY version DESC LIMIT 1`

const getSQL = `SELECT ` + columns + ` FROM @.record AS r WHERE r.kind = $1 AND r.id = $2`

// pathSQL reads nothing that the caller named.
const pathSQL = `SELECT r.id, r.version, p.id, r.labels, r.due, r.data
	FROM @.record AS p JOIN @.record AS r
		ON r.kind = $3 AND r.unique_name = p.id || '/' || $4 AND r.parent_kind = p.kind AND r.parent_id = p.id
	WHERE p.kind = $1 AND p.unique_name = $2`

// durable is what each write returns. Whatever the session, the role or a pooler
// has set, a write waits until it is on disk: an acknowledged one may hold the
// only copy of a refresh token. Set here, it holds for this statement alone, and
// only where something was written.
const durable = ` RETURNING CASE WHEN pg_catalog.current_setting('synchronous_commit') IN ('on', 'remote_apply')
	THEN '' ELSE pg_catalog.set_config('synchronous_commit', 'on', true) END`

// Every write is one statement that does nothing unless all its conditions hold.
// When it has done nothing, stateSQL tells why.
const (
	// insertSQL does nothing either when it was carried out before and the row
	// has been deleted since: then it is one that was sent twice, and late.
	insertSQL = `INSERT INTO @.record (kind, id, version, parent_kind, parent_id, unique_name, labels, due, write_id, data)
		SELECT $1::text, $2::text, 1, $3::text, $4::text, $5::text, $6::text[], $7::bigint, $8::bigint, $9::bytea
		WHERE NOT EXISTS (SELECT 1 FROM @.ending AS e
			WHERE e.slot = 65536 + ($8::bigint & 65535) AND e.write_id = $8::bigint)
		ON CONFLICT DO NOTHING` + durable

	updateSQL = `UPDATE @.record SET version = version + 1, unique_name = $5, labels = $6, due = $7, write_id = $8, data = $9
		WHERE kind = $1 AND id = $2 AND version = $10
		AND parent_kind IS NOT DISTINCT FROM $3 AND parent_id IS NOT DISTINCT FROM $4` + durable

	// deleteSQL leaves the rows below to the foreign key. It notes which writes
	// can no longer be found in a record, see schema1.
	deleteSQL = `WITH gone AS (DELETE FROM @.record WHERE kind = $1 AND id = $2 AND version = $3 RETURNING write_id)
		INSERT INTO @.ending (slot, write_id)
		SELECT e.slot, e.write_id FROM gone CROSS JOIN LATERAL
			(VALUES ($4::bigint & 65535, $4::bigint), (65536 + (gone.write_id & 65535), gone.write_id)) AS e (slot, write_id)
		ON CONFLICT (slot) DO UPDATE SET write_id = excluded.write_id` + durable

	stateSQL = `SELECT coalesce(r.version, 0), coalesce(r.write_id, -1),
			coalesce(r.parent_kind IS NOT DISTINCT FROM $3::text AND r.parent_id IS NOT DISTINCT FROM $4::text, false),
			EXISTS (SELECT 1 FROM @.record AS o WHERE o.kind = $1::text AND o.unique_name = $5::text AND o.id <> $2::text),
			EXISTS (SELECT 1 FROM @.record AS p WHERE p.kind = $3::text AND p.id = $4::text),
			EXISTS (SELECT 1 FROM @.ending AS e WHERE e.write_id = $6::bigint
				AND e.slot IN ($6::bigint & 65535, 65536 + ($6::bigint & 65535)))
		FROM (VALUES (1)) AS one (n) LEFT JOIN @.record AS r ON r.kind = $1::text AND r.id = $2::text`
)

func newStatements(schema string) statements {
	quoted := pgx.Identifier{schema}.Sanitize()
	in := strings.NewReplacer("@", quoted)
	return statements{
		version:   in.Replace(versionSQL),
		get:       in.Replace(getSQL),
		path:      in.Replace(pathSQL),
		insert:    in.Replace(insertSQL),
		update:    in.Replace(updateSQL),
		drop:      in.Replace(deleteSQL),
		state:     in.Replace(stateSQL),
		schema:    quoted,
		migration: migrationSQL(schema, quoted),
	}
}
