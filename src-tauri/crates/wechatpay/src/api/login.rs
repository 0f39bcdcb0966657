//! `jscode2session`: a mini-program's login code becomes an openid (reference 12.1). Another host, another error model,
//! no signature; the app secret stands in the URL, so the target is never to be logged.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::api::{AnswerError, Request, VerifiedAnswer, encoded};
use crate::error::ApiError;
use crate::ids::{Appid, Openid};

/// The host of the login; not the payment gateway's.
pub const LOGIN_HOST: &str = "https://api.weixin.qq.com";

pub(super) const PURPOSE: &str = "jscode2session";

/// Exchanges a code. `Debug` hides the secret.
#[derive(Clone)]
pub struct Jscode2Session {
    /// The mini-program.
    pub appid: Appid,
    /// Its app secret.
    pub secret: Zeroizing<String>,
    /// What `wx.login` gave; single use.
    pub js_code: String,
}

impl std::fmt::Debug for Jscode2Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jscode2Session({}, ***)", self.appid)
    }
}

/// A login. The session_key must not leave the server.
#[derive(Clone)]
pub struct Session {
    /// Who.
    pub openid: Openid,
    /// Base64 of 16 bytes, a secret.
    pub session_key: Zeroizing<String>,
    /// When the app is bound to an open-platform account.
    pub unionid: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(***)")
    }
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
    #[serde(default)]
    openid: String,
    #[serde(default)]
    session_key: Zeroizing<String>,
    #[serde(default)]
    unionid: Option<String>,
}

impl Jscode2Session {
    /// The HTTP request, to [`LOGIN_HOST`].
    pub fn request(&self) -> Request {
        let target = format!(
            "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            encoded(self.appid.as_str()),
            encoded(&self.secret),
            encoded(&self.js_code)
        );
        Request { wants_signature: false, ..Request::get(target, PURPOSE) }
    }

    /// The session. Errors come with status 200, whatever the Content-Type says; a missing `errcode` means success.
    ///
    /// # Errors
    /// `errcode` (its number is the error's code; [`errcode_meaning`] explains it), or not understood.
    pub fn answer(&self, answer: &VerifiedAnswer) -> Result<Session, AnswerError> {
        let raw: Raw = answer.read()?;
        if raw.errcode != 0 {
            return Err(AnswerError::Refused(ApiError {
                status: answer.status(),
                code: raw.errcode.to_string(),
                message: raw.errmsg,
                detail: None,
                request_id: None,
            }));
        }
        let openid = Openid::parse(&raw.openid).map_err(|e| AnswerError::NotUnderstood(e.to_string()))?;
        Ok(Session { openid, session_key: raw.session_key, unionid: raw.unionid })
    }
}

/// An `errcode` explained, with what to do: (Chinese, English).
pub fn errcode_meaning(errcode: i64) -> Option<(&'static str, &'static str)> {
    Some(match errcode {
        -1 => ("微信系统繁忙：稍后重试", "WeChat is busy: try again"),
        40029 => (
            "code 无效（只能用一次）：让小程序重新 wx.login",
            "the code is invalid (it works once): call wx.login again",
        ),
        45011 => {
            ("登录太频繁（每用户每分钟 100 次）：稍后重试", "too many logins (100 a minute for a user): try later")
        }
        40226 => ("高风险用户，登录被拦截", "a user of high risk: the login is blocked"),
        40013 => ("AppID 无效：检查小程序的 AppID", "the appid is invalid: check the mini-program's appid"),
        40125 => ("AppSecret 无效：检查或重置 AppSecret", "the app secret is invalid: check or reset it"),
        41002 => ("缺少 AppID", "the appid is missing"),
        41004 => ("缺少 AppSecret", "the app secret is missing"),
        41008 => ("缺少 code", "the code is missing"),
        _ => return None,
    })
}
