import { rmSync } from 'node:fs'

/** Signals that end a program by default, and that a user or a terminal sends. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const names = new Set<string>()

/**
 * Has a file removed however this process ends, but for SIGKILL: by its exit, or by a signal, which then ends it all the
 * same, so that shells see what has happened. The returned function calls that off.
 */
export function removedAtEnd(name: string): () => void {
  if (names.size === 0) listen()
  names.add(name)
  return () => {
    if (names.delete(name) && names.size === 0) stopListening()
  }
}

function remove(): void {
  for (const name of names) rmSync(name, { force: true })
  names.clear()
}

function onSignal(signal: NodeJS.Signals): void {
  remove()
  stopListening()
  // another listener has its own way to end
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

function listen(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal)
  process.on('exit', remove)
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal)
  process.off('exit', remove)
}
