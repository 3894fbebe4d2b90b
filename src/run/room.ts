import { createCircuit } from './circuit.ts'
import { claimRun, nextDue } from './claim.ts'
import type { ClaimedRun } from './claim.ts'
import type { RunEvents } from './events.ts'
import { createRunEvents } from './events.ts'
import { executeRun } from './execute.ts'
import type { ExecuteDeps, RunningRuns } from './execute.ts'
import { createLiveLogs } from './log.ts'
import type { LiveLogs } from './log.ts'
import type { QueueWork } from '../queue/queue.ts'

// What the verbs of runs share in this process, opened once by the daemon.

type Options = Omit<ExecuteDeps, 'events' | 'liveLogs' | 'running' | 'circuit'>

export type RunRoom = Pick<ExecuteDeps, 'db' | 'clock'> & {
  readonly events: RunEvents
  readonly liveLogs: LiveLogs
  readonly running: RunningRuns
}

/** `work` is what a queue takes runs from. */
export function openRuns(options: Options): {
  readonly room: RunRoom
  readonly work: QueueWork<ClaimedRun>
} {
  const { db, clock } = options
  const events = createRunEvents()
  const room: RunRoom = { db, clock, events, liveLogs: createLiveLogs({ clock, events }), running: new Map() }
  const circuit = createCircuit({ clock })
  const executeDeps: ExecuteDeps = { ...options, ...room, circuit }
  return {
    room,
    work: {
      claim: async (busyHosts) => {
        const claimed = await claimRun({ db, clock }, busyHosts, circuit.parked())
        if (claimed !== undefined) circuit.enter(Object.values(claimed.run.endpoints))
        return claimed
      },
      nextDue: async (after) => {
        const times = [await nextDue({ db, clock }, after), circuit.nextTrial()]
        return times.reduce((first, time) => earlier(first, time))
      },
      execute: (claimed, signal) => executeRun(executeDeps, claimed, signal),
    },
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Math.min(one, other)
}
