// Asking again: often while something changes, ever more rarely while nothing does, never unseen.

/**
 * Calls `look()` until it returns "end". Where it returns true something has changed, and the next
 * look comes after `least` milliseconds; otherwise the pause grows up to `most`. Nothing is asked
 * while the page is hidden or offline; it looks at once when it is seen again. What `look` throws
 * goes to `onTrouble` (null once it works again), and it is asked again.
 */
export class Polling {
  #look; #least; #most; #onTrouble; #timer; #pause; #stopped = false; #looking = false; #again = false;

  constructor(look, { least = 1000, most = 15000, onTrouble = () => {} } = {}) {
    this.#look = look;
    this.#least = this.#pause = least;
    this.#most = most;
    this.#onTrouble = onTrouble;
    document.addEventListener("visibilitychange", this.#wake);
    window.addEventListener("online", this.#wake);
    this.now();
  }

  /** Look at once. */
  async now() {
    clearTimeout(this.#timer);
    if (this.#stopped || document.hidden || !navigator.onLine) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      const changed = await this.#look();
      if (this.#stopped) return;
      this.#onTrouble(null);
      if (changed === "end") return this.stop();
      this.#pause = changed ? this.#least : Math.min(this.#pause * 1.4, this.#most);
    } catch (problem) {
      if (this.#stopped) return;
      this.#onTrouble(problem);
      this.#pause = Math.min(this.#pause * 2, this.#most);
    } finally {
      this.#looking = false;
    }
    // A little apart from each other, so that a thousand pages do not ask in step.
    this.#timer = setTimeout(() => this.now(), this.#again ? 0 : this.#pause * (0.85 + Math.random() * 0.3));
    this.#again = false;
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#wake);
    window.removeEventListener("online", this.#wake);
  }

  #wake = () => {
    if (document.hidden) return clearTimeout(this.#timer);
    this.#pause = this.#least;
    this.now();
  };
}
