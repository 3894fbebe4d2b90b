import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('default_branch')
    .addColumn('binding_id', 'integer', (c) => c.notNull().references('binding.id').onDelete('cascade'))
    .addColumn('side', 'text', (c) => c.notNull())
    .addColumn('agreed', 'text')
    .addColumn('differing', 'text')
    .addColumn('differs_since', 'bigint')
    .addColumn('wanted', 'text')
    .addColumn('tried_at', 'bigint')
    .addColumn('next_try_at', 'bigint')
    .addColumn('problem', 'text')
    .addColumn('problem_detail', 'text')
    .addColumn('problem_hint', 'text')
    .addPrimaryKeyConstraint('default_branch_side', ['binding_id', 'side'])
    .execute()
}
