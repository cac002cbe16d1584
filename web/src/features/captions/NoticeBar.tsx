import type { CaptionsController } from "./controller";
import type { Notice } from "./notice";

const ACTIONS: Readonly<Record<NonNullable<Notice["action"]>, string>> = {
  retry_connection: "Try now",
  reload_platform: "Try again",
  dismiss: "Dismiss",
};

/** Says what happened, what was kept and what helps. */
export function NoticeBar({
  notice,
  controller,
}: {
  readonly notice: Notice | null;
  readonly controller: CaptionsController;
}) {
  const act = (): void => {
    if (notice?.action === "retry_connection") controller.retryNow();
    else if (notice?.action === "reload_platform") void controller.load();
    else controller.dismiss();
  };
  return (
    <div className="notice-place" role={notice?.tone === "error" ? "alert" : "status"}>
      {notice && (
        <div className="notice" data-tone={notice.tone}>
          <div>
            <strong>{notice.title}</strong>
            <p>{notice.text}</p>
          </div>
          {notice.action && (
            <button type="button" className="button" onClick={act}>
              {ACTIONS[notice.action]}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
