import { spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PIECE = Buffer.alloc(64 * 1024)

function mount(...args: string[]): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr, error } = spawnSync('mount', args)
  return { status, stderr: error === undefined ? String(stderr).trim() : error.message }
}

/** Undefined where a file system can be mounted; else why not, for a test to say when it is skipped. */
export function whyNoSmallDisk(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'ostraka-mount-'))
  const { status, stderr } = mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir)
  if (status === 0) spawnSync('umount', [dir])
  rmSync(dir, { recursive: true })
  return status === 0 ? undefined : `no tmpfs can be mounted here (${stderr})`
}

/** A file system of its own, and of a fixed size, under a directory that was there before, whose files move onto it. */
export class SmallDisk {
  readonly #dir: string
  readonly #ballast: string

  constructor(dir: string, sizeMib: number) {
    this.#dir = dir
    this.#ballast = join(dir, 'ballast')
    const aside = `${dir}.aside`
    renameSync(dir, aside)
    mkdirSync(dir)
    const { status, stderr } = mount('-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', dir)
    if (status !== 0) throw new Error(stderr)
    cpSync(aside, dir, { recursive: true, preserveTimestamps: true })
    rmSync(aside, { recursive: true })
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#dir)
    return bavail * bsize
  }

  /** Somebody else's file takes all room but so many bytes. */
  fill(leftBytes = 0): void {
    const file = openSync(this.#ballast, 'a')
    try {
      while (this.freeBytes > leftBytes) {
        writeSync(file, PIECE, 0, Math.min(PIECE.length, this.freeBytes - leftBytes))
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  /** That file is gone. */
  free(): void {
    rmSync(this.#ballast, { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['--lazy', this.#dir])
  }
}
