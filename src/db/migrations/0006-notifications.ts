import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { addIndex, withId } from '../definition.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await withId(db.schema.createTable('notification_channel'), db)
    .addColumn('name', 'text', (c) => c.notNull().unique())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('enabled', 'integer', (c) => c.notNull())
    .addColumn('config', 'text', (c) => c.notNull())
    .addColumn('secrets', 'text', (c) => c.notNull())
    .addColumn('events', 'text', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('report', 'text', (c) => c.notNull())
    .addColumn('storm_limit', 'integer')
    .addColumn('quiet_hours', 'text')
    .addColumn('title_template', 'text')
    .addColumn('content_template', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute()

  await db.schema
    .createTable('notification_template')
    .addColumn('channel_id', 'integer', (c) =>
      c.notNull().references('notification_channel.id').onDelete('cascade'),
    )
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('title_template', 'text')
    .addColumn('content_template', 'text')
    .addPrimaryKeyConstraint('notification_template_key', ['channel_id', 'event'])
    .execute()

  await db.schema
    .createTable('notification_problem')
    .addColumn('channel_id', 'integer', (c) =>
      c.notNull().references('notification_channel.id').onDelete('cascade'),
    )
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('problem', 'text', (c) => c.notNull())
    .addColumn('ref', 'text', (c) => c.notNull())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addColumn('seen_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('notification_problem_key', ['subject', 'channel_id', 'problem', 'ref'])
    .execute()
  await addIndex(db, 'notification_problem', ['seen_at'])

  await withId(db.schema.createTable('notice'), db)
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('subject_name', 'text', (c) => c.notNull())
    .addColumn('binding_id', 'integer')
    .addColumn('task_id', 'integer')
    .addColumn('run_id', 'integer')
    .addColumn('facts', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute()
  await addIndex(db, 'notice', ['created_at'])

  await withId(db.schema.createTable('notification_delivery'), db)
    .addColumn('message_id', 'text', (c) => c.notNull().unique())
    .addColumn('channel_id', 'integer', (c) =>
      c.notNull().references('notification_channel.id').onDelete('cascade'),
    )
    .addColumn('notice_id', 'integer', (c) => c.references('notice.id').onDelete('cascade'))
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('storm_key', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('hold', 'text')
    .addColumn('attempts', 'integer', (c) => c.notNull())
    .addColumn('next_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('digest_id', 'integer')
    .addColumn('http_status', 'integer')
    .addColumn('answer_code', 'text')
    .addColumn('answer', 'text')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('ended_at', 'bigint')
    .execute()
  await addIndex(db, 'notification_delivery', ['channel_id', 'id'])
  await addIndex(db, 'notification_delivery', ['channel_id', 'status', 'id'])
  await addIndex(db, 'notification_delivery', ['channel_id', 'storm_key', 'ended_at'])
  await addIndex(db, 'notification_delivery', ['notice_id'])
  await addIndex(db, 'notification_delivery', ['digest_id'])
  await addIndex(db, 'notification_delivery', ['created_at'])
  await sql`create index notification_waiting on notification_delivery (channel_id, next_at) where status = 'waiting'`.execute(
    db,
  )

  await withId(db.schema.createTable('notification_attempt'), db)
    .addColumn('delivery_id', 'integer', (c) =>
      c.notNull().references('notification_delivery.id').onDelete('cascade'),
    )
    .addColumn('channel_id', 'integer', (c) => c.notNull())
    .addColumn('at', 'bigint', (c) => c.notNull())
    .addColumn('duration_ms', 'integer', (c) => c.notNull())
    .addColumn('ok', 'integer', (c) => c.notNull())
    .addColumn('http_status', 'integer')
    .addColumn('answer_code', 'text')
    .addColumn('answer', 'text')
    .execute()
  await addIndex(db, 'notification_attempt', ['delivery_id'])
  await addIndex(db, 'notification_attempt', ['channel_id', 'at'])
}
