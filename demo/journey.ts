import { z } from 'zod'
import type { Sha } from '../src/git/refs.ts'
import type { DaemonProcess, RunOnWire } from '../test/rig/daemon.ts'
import type { ServedRepository } from '../test/rig/git-http-server.ts'
import type { DemoForge, Webhook } from './forge.ts'

// One commit on its way: the webhook of the forge it was pushed to, the run, and the proof on the other side.

export type Place = { readonly forge: DemoForge; readonly repository: ServedRepository }

export type Arrival = { readonly run: RunOnWire; readonly delivery: number; readonly visibleAfterMs: number }

const MAIN = 'refs/heads/main'
const RUN_LIMIT_MS = 30_000

const Accepted = z.looseObject({ delivery: z.number(), runs: z.tuple([z.number()], z.number()) })
const Ignored = z.looseObject({ status: z.literal('ignored'), reason: z.string(), detail: z.string() })

/** Sends the webhook of the last push to `from` and sees the commit on `to`; rejects when it is not there. */
export async function travel(daemon: DaemonProcess, from: Place, to: Place, commit: Sha): Promise<Arrival> {
  const webhook = await lastWebhook(from)
  const sentAt = performance.now()
  const answer = await daemon.deliver(webhook.request, `/webhooks/${from.forge.kind}`)
  if (answer.status !== 202) throw new Error(`the webhook was not accepted: ${JSON.stringify(answer.body)}`)
  const { delivery, runs } = Accepted.parse(answer.body)
  const run = await runEnded(daemon, runs[0])
  if (run.status !== 'succeeded') {
    const reason = [run.message, run.detail, run.hint].filter((text) => text !== null).join('; ')
    throw new Error(`run ${run.id} ended as ${run.status} with code ${run.code ?? 'none'}: ${reason}`)
  }
  const head = await to.forge.head(to.repository, MAIN)
  const pushedAt = to.forge.pushedAt(to.repository)
  if (head !== commit || pushedAt === undefined) {
    throw new Error(`${commit} did not arrive: ${MAIN} at ${to.repository.url} is ${head ?? 'missing'}`)
  }
  return { run, delivery, visibleAfterMs: pushedAt - sentAt }
}

/** Sends the webhook that our own push has caused and returns why the daemon did nothing about it. */
export async function sendEcho(daemon: DaemonProcess, at: Place): Promise<z.infer<typeof Ignored>> {
  const webhook = await lastWebhook(at)
  const answer = await daemon.deliver(webhook.request, `/webhooks/${at.forge.kind}`)
  return Ignored.parse(answer.body)
}

async function lastWebhook({ forge, repository }: Place): Promise<Webhook> {
  const webhook = (await forge.webhooks(repository)).find(({ ref }) => ref === MAIN)
  if (webhook === undefined) throw new Error(`nothing was pushed to ${MAIN} at ${repository.url}`)
  return webhook
}

async function runEnded(daemon: DaemonProcess, id: number): Promise<RunOnWire> {
  const late = Promise.withResolvers<never>()
  const limit = setTimeout(
    () => late.reject(new Error(`run ${id} did not end within ${RUN_LIMIT_MS / 1000} s`)),
    RUN_LIMIT_MS,
  )
  try {
    return await Promise.race([daemon.runEnded(id), late.promise])
  } finally {
    clearTimeout(limit)
  }
}
