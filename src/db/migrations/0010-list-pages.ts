import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { addIndex } from '../definition.ts'

// How many rows there are per 1024 ids, kept by the database itself as rows come, change and go.
const TALLIES = [
  { table: 'run', kinds: ['status', 'trigger'] },
  { table: 'delivery', kinds: ['status', 'forge'] },
] as const

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const { table, kinds } of TALLIES) await addTally(db, table, kinds)

  await addIndex(db, 'run', ['subject_name', 'status', 'id'])
  await sql`create index run_task_id on run (task_id, id) where task_id is not null`.execute(db)
  for (const column of ['repo_name', 'branch_id'] as const) {
    await addIndex(db, 'sync_log', [column, 'created_at', 'id'])
  }
  await addIndex(db, 'sync_log', ['created_at', 'id'])
  // The longer ones begin with the same columns.
  await db.schema.dropIndex('sync_log_repo_name_created_at_index').execute()
  await db.schema.dropIndex('sync_log_branch_id_index').execute()
}

async function addTally(db: Kysely<unknown>, table: string, kinds: readonly [string, string]): Promise<void> {
  const tally = sql.table(`${table}_tally`)
  const rows = sql.table(table)
  const [one, other] = [sql.ref(kinds[0]), sql.ref(kinds[1])]
  const trigger = (moment: string) => sql.id(`${table}_tally_${moment}`)
  const add = sql`insert into ${tally} values (new.id >> 10, new.${one}, new.${other}, 1)
      on conflict do update set count = count + 1;`
  const remove = sql`update ${tally} set count = count - 1
      where bucket = old.id >> 10 and ${one} = old.${one} and ${other} = old.${other};
    delete from ${tally}
      where bucket = old.id >> 10 and ${one} = old.${one} and ${other} = old.${other} and count = 0;`

  await sql`create table ${tally} (
    bucket integer not null,
    ${one} text not null,
    ${other} text not null,
    count integer not null,
    primary key (bucket, ${one}, ${other})
  ) without rowid`.execute(db)
  await sql`insert into ${tally} select id >> 10, ${one}, ${other}, count(*) from ${rows} group by 1, 2, 3`.execute(
    db,
  )
  await sql`create trigger ${trigger('insert')} after insert on ${rows} begin ${add} end`.execute(db)
  await sql`create trigger ${trigger('delete')} after delete on ${rows} begin ${remove} end`.execute(db)
  await sql`create trigger ${trigger('update')} after update of ${one}, ${other} on ${rows}
    when old.${one} <> new.${one} or old.${other} <> new.${other} begin ${remove} ${add} end`.execute(db)
}
