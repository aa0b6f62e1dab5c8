/** Counts the readers that a run has on this machine, and applies its disconnect policy when the last one leaves. */
import type { Clock } from './clock.ts';
import type { DisconnectPolicy } from './settings.ts';

export interface RunReadersOptions {
  /** What happens to the run when its last reader leaves. */
  disconnect: DisconnectPolicy;
  settings: { readonly clock: Clock };
  /**
   * Called when the run is to stop because it has no reader here. Must call `stop` unless somebody reads the run on
   * another machine.
   */
  onUnread?: ((stop: () => void) => void) | undefined;
}

export class RunReaders {
  private readonly options: RunReadersOptions;
  /** Stops the run. */
  private readonly stop: () => void;
  private graceTimer: unknown;
  private isOver = false;
  count = 0;
  /** How many there have been. */
  total = 0;

  constructor(options: RunReadersOptions, stop: () => void) {
    this.options = options;
    this.stop = stop;
  }

  enter(): void {
    this.count += 1;
    this.total += 1;
    this.options.settings.clock.clearTimeout(this.graceTimer);
  }

  leave(): void {
    this.count -= 1;
    if (this.count > 0 || this.isOver) return;
    const { disconnect, settings } = this.options;
    if (disconnect === 'cancel') this.unread();
    else if (disconnect !== 'continue')
      this.graceTimer = settings.clock.setTimeout(() => this.unread(), disconnect.graceMs);
  }

  /** The run has ended: readers may come and go. */
  end(): void {
    this.isOver = true;
    this.options.settings.clock.clearTimeout(this.graceTimer);
  }

  private unread(): void {
    if (this.count > 0) return;
    const stop = () => {
      if (this.count === 0) this.stop();
    };
    if (this.options.onUnread === undefined) stop();
    else this.options.onUnread(stop);
  }
}
