import { Hono } from 'hono'
import type { Context } from 'hono'
import { z } from 'zod'
import { ChannelId, NotificationId } from '../../ids.ts'
import type { Channel } from '../../notify/channel.ts'
import { getChannel, listChannels } from '../../notify/channels.ts'
import { CHANNEL_TYPES } from '../../notify/channels/kinds.ts'
import { createChannel, deleteChannel, rotateSecret, updateChannel } from '../../notify/configure.ts'
import {
  getDelivery,
  listDeliveries,
  NOTIFICATION_STATUSES,
  replayDelivery,
  testChannel,
} from '../../notify/deliveries.ts'
import type { Delivery, DeliveryDetail, Tested } from '../../notify/deliveries.ts'
import type { Dispatcher } from '../../notify/notify.ts'
import type { SenderDeps } from '../../notify/send.ts'
import { ok, page } from './envelope.ts'
import { ChannelBody, NewChannelBody } from './notification-channel-body.ts'
import { isoTime, isoTimeOrNull, Paging } from './paging.ts'
import { read, readBody } from './read.ts'

export type NotificationRouteDeps = SenderDeps & {
  readonly dispatcher: Pick<Dispatcher, 'reopen' | 'stopping'>
}

const Filter = z.object({ type: z.enum(CHANNEL_TYPES).optional(), ...Paging })
const DeliveryFilter = z.object({ status: z.enum(NOTIFICATION_STATUSES).optional(), ...Paging })
const Test = z.object({ message: z.string().max(2000).optional() })

/** `/notification/channels`: where people and machines are told what happened, and what they were told. */
export function notificationRoutes(deps: NotificationRouteDeps): Hono {
  const routes = new Hono()
  const idOf = (c: Context): ChannelId => read(ChannelId, c.req.param('id'))
  const deliveryOf = (c: Context): NotificationId => read(NotificationId, c.req.param('delivery'))

  routes.get('/', async (c) => {
    const { page: number, page_size: pageSize, type } = read(Filter, c.req.query())
    const { channels, total } = await listChannels(deps, { type }, { page: number, pageSize })
    return page(c, { items: channels.map(channelToWire), total, page: number, pageSize }, 'channels')
  })

  routes.post('/', async (c) => {
    const { channel, secret } = await createChannel(deps, await readBody(c, NewChannelBody))
    return ok(c, { ...channelToWire(channel), ...(secret === undefined ? {} : { secret }) })
  })

  routes.get('/:id', async (c) => ok(c, channelToWire(await getChannel(deps.db, idOf(c)))))

  routes.put('/:id', async (c) => {
    const channel = await updateChannel(deps, idOf(c), await readBody(c, ChannelBody))
    deps.dispatcher.reopen(channel.id)
    return ok(c, channelToWire(channel))
  })

  routes.delete('/:id', async (c) => {
    await deleteChannel(deps, idOf(c))
    return ok(c, null)
  })

  routes.post('/:id/rotate', async (c) => {
    const { channel, secret } = await rotateSecret(deps, idOf(c))
    return ok(c, { ...channelToWire(channel), secret })
  })

  routes.post('/:id/test', async (c) => {
    const { message } = await readBody(c, Test)
    const tested = await testChannel(deps, idOf(c), {
      words: message,
      signal: deps.dispatcher.stopping,
    })
    if (tested.outcome.kind === 'delivered') deps.dispatcher.reopen(idOf(c))
    return ok(c, testToWire(tested))
  })

  routes.get('/:id/deliveries', async (c) => {
    const { page: number, page_size: pageSize, status } = read(DeliveryFilter, c.req.query())
    const { deliveries, total } = await listDeliveries(deps, idOf(c), { status }, { page: number, pageSize })
    return page(c, { items: deliveries.map(deliveryToWire), total, page: number, pageSize })
  })

  routes.get('/:id/deliveries/:delivery', async (c) =>
    ok(c, detailToWire(await getDelivery(deps, idOf(c), deliveryOf(c)))),
  )

  routes.post('/:id/deliveries/:delivery/replay', async (c) => {
    const delivery = await replayDelivery(deps, idOf(c), deliveryOf(c))
    deps.dispatcher.reopen(idOf(c))
    return ok(c, deliveryToWire(delivery), 202)
  })

  return routes
}

function channelToWire(channel: Channel): Record<string, unknown> {
  const { quietHours } = channel
  return {
    id: channel.id,
    name: channel.name,
    type: channel.type,
    enabled: channel.enabled,
    config: channel.config,
    events: channel.events,
    scope: channel.scope,
    report: channel.report,
    storm_limit: channel.stormLimit,
    quiet_hours: quietHours && { from: quietHours.from, to: quietHours.to, time_zone: quietHours.timeZone },
    title_template: channel.templates.title,
    template: channel.templates.content,
    templates: [...channel.templatesByEvent].map(([event, { title, content }]) => ({
      event,
      title_template: title,
      template: content,
    })),
    created_at: isoTime(channel.createdAt),
    updated_at: isoTime(channel.updatedAt),
  }
}

function testToWire({ outcome, messageId, durationMs }: Tested): Record<string, unknown> {
  const success = outcome.kind === 'delivered'
  return {
    success,
    result: outcome.kind,
    http_status: outcome.httpStatus,
    code: outcome.code,
    answer: outcome.words,
    error: success ? null : outcome.words,
    message_id: messageId,
    duration_ms: Math.round(durationMs),
  }
}

function deliveryToWire(delivery: Delivery): Record<string, unknown> {
  return {
    id: delivery.id,
    message_id: delivery.messageId,
    event: delivery.event,
    subject: delivery.subjectName,
    run_id: delivery.runId,
    status: delivery.status,
    hold: delivery.hold,
    attempts: delivery.attempts,
    next_at: delivery.status === 'waiting' ? isoTime(delivery.nextAt) : null,
    digest: delivery.digestId,
    http_status: delivery.httpStatus,
    code: delivery.code,
    answer: delivery.answer,
    created_at: isoTime(delivery.createdAt),
    ended_at: isoTimeOrNull(delivery.endedAt),
  }
}

function detailToWire({ delivery, attempts, text }: DeliveryDetail): Record<string, unknown> {
  return {
    ...deliveryToWire(delivery),
    title: text?.title ?? null,
    content: text?.content ?? null,
    log: attempts.map(({ at, durationMs, isTaken, httpStatus, code, answer }) => ({
      at: isoTime(at),
      duration_ms: durationMs,
      taken: isTaken,
      http_status: httpStatus,
      code,
      answer,
    })),
  }
}
